/** The upstream that is a remote MCP server over Streamable HTTP, one session with it shared by all clients. */
import type { Clock } from '../../../../kit/src/clock.ts';
import type { Logger } from '../../../../kit/src/logger.ts';
import type { ClientRequest, JsonObject } from '../../jsonrpc/message.ts';
import { busy } from '../answers.ts';
import { changeOf, LIST_CHANGES } from '../catalogue.ts';
import type { ToolDigests } from '../tool-digests.ts';
import type { Answer, CallOptions, Handshake, Upstream, UpstreamListener } from '../upstream.ts';
import { Additions, NO_SECRETS, type Secrets } from './additions.ts';
import { Delivery, type DeliveryOptions } from './delivery.ts';
import { Keeper } from './keeper.ts';
import { Link } from './link.ts';
import { Lists } from './lists.ts';
import { Remote, type RemoteOptions } from './remote.ts';
import { CARE, type Care } from './watch.ts';

export interface HttpUpstreamOptions
  extends Pick<RemoteOptions, 'url' | 'authorities' | 'host' | 'onAnswer'>,
    Pick<DeliveryOptions, 'errorStatus' | 'startPatienceMs'> {
  readonly clientInfo: JsonObject;
  readonly messageLimit: number;
  /** Most requests that the server works on at once. */
  readonly maxInFlight: number;
  readonly care?: Care;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The own stream, pings and cancellations need a way past the calls. */
const SPARE_CONNECTIONS = 8;
const LIST_MS = 30_000;
const TOOLS_CHANGED = changeOf('tools/list');

export class HttpUpstream implements Upstream {
  readonly personal = false;
  readonly #options: HttpUpstreamOptions;
  readonly #additions: Additions;
  readonly #remote: Remote;
  readonly #lists: Lists;
  readonly #keeper: Keeper;
  readonly #delivery: Delivery;
  readonly #listeners = new Set<UpstreamListener>();
  #inFlight = 0;
  /** The last session that was open, even if it is gone by now. */
  #last: Link | undefined;
  /** What was last said of arguments that no call gets. */
  #warned = '';

  constructor(options: HttpUpstreamOptions, secrets: Secrets = NO_SECRETS) {
    const { clock, log, maxInFlight, care = CARE } = options;
    this.#options = options;
    this.#additions = new Additions(log, secrets);
    this.#remote = new Remote({
      ...options,
      connections: maxInFlight + SPARE_CONNECTIONS,
      headers: () => this.#additions.headers,
    });
    this.#lists = new Lists((message) => this.#tell(message));
    this.#keeper = new Keeper({
      address: this.#remote.address,
      care,
      clock,
      log,
      open: (generation, signal) => this.#open(generation, signal),
      onOpen: (link) => this.#opened(link),
    });
    this.#delivery = new Delivery({
      ...options,
      remote: this.#remote,
      keeper: this.#keeper,
      lists: this.#lists,
      additions: this.#additions,
    });
  }

  /** From now on these are added to requests. */
  use(secrets: Secrets): void {
    this.#additions.use(secrets);
    this.#keeper.lookNow();
    if (!this.#last) return;
    // What is kept was cleaned of the former ones, and was offered to those who showed them.
    this.#last.catalogue.clear();
    this.#readAnew(this.#last);
  }

  async call(request: ClientRequest, options: CallOptions): Promise<Answer> {
    if (this.#inFlight >= this.#options.maxInFlight) {
      const working = `the MCP server already works on ${this.#inFlight} requests`;
      return busy(request, `${working}; try again in a moment`);
    }
    this.#inFlight++;
    try {
      return await this.#delivery.call(request, options);
    } finally {
      this.#inFlight--;
    }
  }

  /** What a client tells concerns no other client's server. */
  notify(): void {}

  endSession(): void {}

  async handshake(patienceMs: number): Promise<Handshake | undefined> {
    return (this.#last ?? (await this.#keeper.whenOpen(patienceMs)))?.handshake;
  }

  tools(): ToolDigests {
    return this.#last?.tools.digests ?? new Map();
  }

  health() {
    return this.#keeper.health();
  }

  /** The open session, after at most one try to open it that may take up to `patienceMs`. */
  tryOnce(patienceMs: number): Promise<Link | undefined> {
    return this.#keeper.whenOpen(patienceMs, undefined, 1);
  }

  listen(listener: UpstreamListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    await this.#keeper.stop();
    await this.#remote.close();
  }

  async #open(generation: number, signal: AbortSignal): Promise<Link> {
    let link: Link | undefined;
    link = await Link.open(
      {
        ...this.#options,
        remote: this.#remote,
        generation,
        clean: (bytes) => this.#additions.clean(bytes),
        onNotification: (method, bytes) => link && this.#hear(link, method, bytes),
        onGap: () => link && this.#readAnew(link),
        onSuspicion: (trouble) => link && this.#keeper.noticed(link, trouble),
      },
      signal,
    );
    return link;
  }

  #opened(link: Link): void {
    this.#last = link;
    this.#warnOfUnused(link);
    void this.#lists.look(link);
  }

  /** The server may offer something else by now: clients are told if it does. */
  #readAnew(link: Link): void {
    this.#readTools(link);
    void this.#lists.look(link);
  }

  #readTools(link: Link): void {
    link.readTools(AbortSignal.timeout(LIST_MS)).then(
      () => this.#warnOfUnused(link),
      // The list that a client asks for next tells as well.
      () => {},
    );
  }

  #warnOfUnused({ tools }: Link): void {
    const unused = this.#additions.fixed.unused(tools);
    if (unused.length > 0 && unused.join() !== this.#warned)
      this.#options.log.warn('upstream_arguments_unused', { why: unused });
    this.#warned = unused.join();
  }

  #hear(link: Link, method: string, bytes: Buffer): void {
    // A log message of a shared server may speak of another client's call: it goes to our log alone.
    if (!LIST_CHANGES.has(method) || !this.#keeper.isCurrent(link)) {
      this.#options.log.debug('upstream_notification', { method: method.slice(0, 100) });
      return;
    }
    this.#lists.changed(link, method);
    if (method === TOOLS_CHANGED) this.#readTools(link);
    this.#tell(bytes);
  }

  #tell(message: Buffer): void {
    for (const listener of this.#listeners) listener.onMessage([message]);
  }
}
