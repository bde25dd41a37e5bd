/** A demo Dremio in this process that containers reach, and whose troubles a test makes and ends. */
import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import {
  DEMO_USER,
  type DemoDremio,
  type NewUser,
  start,
} from '../../images/demo-dremio/src/index.ts';

/** A login that was answered; epoch ms. */
export interface SeenLogin {
  readonly at: number;
  readonly status: number;
}

export interface TroubledDremio {
  readonly demo: DemoDremio;
  readonly port: number;
  /** As containers of this machine reach it. */
  readonly urlForContainers: string;
  /** Answered logins so far, oldest first. */
  readonly logins: readonly SeenLogin[];
  /** Connections that wait for the end of a freeze. */
  readonly waiting: number;
  /** Refuses connections and ends the open ones, as a process that has ended. */
  stop(): Promise<void>;
  /** Accepts connections and reads nothing, as a process that was stopped by SIGSTOP. */
  freeze(): void;
  /** Ends a stop, or goes on with what came in while it was frozen. */
  recover(): Promise<void>;
  /** Gives the user another password, as its administrator would; tokens stay as they are. */
  changePassword(password: string): void;
  close(): Promise<void>;
}

/**
 * @param tokenLifeMs life of its tokens, in ms
 * @param data whether it has the sample table
 * @param user who may log in
 */
export async function startTroubledDremio(
  tokenLifeMs: number,
  { data = false, user = DEMO_USER }: { data?: boolean; user?: NewUser } = {},
): Promise<TroubledDremio> {
  const demo = await start({ users: [user], tokenLifeMs, data });
  const logins: SeenLogin[] = [];
  demo.observe({
    request: ({ method, path, time, durationMs, status }) => {
      if (method === 'POST' && path === '/apiv2/login')
        logins.push({ at: time + durationMs, status });
    },
  });
  const front = new Front(demo.port);
  await front.listen();
  return {
    demo,
    port: front.port,
    urlForContainers: `http://host.docker.internal:${front.port}`,
    logins,
    get waiting() {
      return front.waiting;
    },
    stop: () => front.stop(),
    freeze: () => front.freeze(),
    recover: () => front.recover(),
    changePassword: (password) => {
      // The stand-in's users keep the password they were made with.
      demo.users.verify = (userName, given) =>
        given === password ? demo.users.get(userName) : undefined;
    },
    close: async () => {
      await front.stop();
      await demo.close();
    },
  };
}

/** Passes connections on to a port of this machine; a listener of its own, since Node's HTTP server cannot stand still. */
class Front {
  readonly #target: number;
  #server: Server | undefined;
  #frozen = false;
  readonly #waiting = new Set<Socket>();
  readonly #open = new Set<Socket>();
  port = 0;

  constructor(target: number) {
    this.#target = target;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  async listen(): Promise<void> {
    // What the kernel has taken in is not read before it is passed on.
    this.#server = createServer({ pauseOnConnect: true }, (socket) => {
      this.#keep(socket);
      if (this.#frozen) this.#waiting.add(socket);
      else this.#pass(socket);
    });
    this.#server.listen(this.port, '0.0.0.0');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (typeof address === 'object' && address) this.port = address.port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  freeze(): void {
    this.#frozen = true;
  }

  async recover(): Promise<void> {
    this.#frozen = false;
    for (const socket of this.#waiting) this.#pass(socket);
    this.#waiting.clear();
    if (this.#server === undefined) await this.listen();
  }

  #keep(socket: Socket): void {
    this.#open.add(socket);
    // Either side may end a connection at any moment here; that is the point.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#open.delete(socket);
      this.#waiting.delete(socket);
    });
  }

  #pass(socket: Socket): void {
    const onward = dial(this.#target, '127.0.0.1');
    this.#keep(onward);
    socket.pipe(onward).pipe(socket);
    socket.on('close', () => onward.destroy());
    onward.on('close', () => socket.destroy());
  }
}
