/** A listening socket on a fixed address that can go away and come back, as a server that restarts does. */
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface TlsIdentity {
  /** Private key and certificate chain in PEM. */
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
}

export interface ListenerOptions {
  readonly host: string;
  /** 0 picks a free port, which is kept from then on. */
  readonly port: number;
  readonly tls?: TlsIdentity | undefined;
  handle: RequestListener;
}

/** Slow or stalled clients must not hold a connection for ever. */
const LIMITS = { requestTimeout: 30_000, headersTimeout: 10_000 } as const;

export class Listener {
  readonly #options: ListenerOptions;
  #server: Server | undefined;
  #port: number;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#port = options.port;
  }

  get port(): number {
    return this.#port;
  }

  get isListening(): boolean {
    return this.#server !== undefined;
  }

  async open(): Promise<void> {
    if (this.#server) return;
    const { host, tls, handle } = this.#options;
    const server = tls
      ? createHttpsServer({ ...LIMITS, key: tls.key, cert: tls.cert }, handle)
      : createHttpServer(LIMITS, handle);
    this.#server = server;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(this.#port, host, resolve);
      });
    } catch (error) {
      this.#server = undefined;
      throw error;
    }
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Refuses new connections and ends the open ones. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}
