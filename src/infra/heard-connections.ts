import pg from 'pg';

/**
 * The same pool, of which no connection is ever without a listener: one that is lost then would end the process. pg listens
 * while it is idle, and a borrower does from when he has been told of it. Between the two nobody does, and a server that is
 * stopped may say in one breath that it is ready and that it ends. Who asks on such a connection is told.
 */
export function hearAll(pool: pg.Pool): pg.Pool {
  return pool.on('connect', (client) => client.on('error', () => undefined));
}

/**
 * A connection that listens to itself from its making to its end, for those who do so too late or no more. When it is lost
 * before they could know of it, it never was.
 */
export class HeardClient extends pg.Client {
  #lost: Error | null = null;
  readonly #hear = (error: Error) => {
    this.#lost ??= error;
  };

  constructor(config?: pg.ClientConfig) {
    super(config);
    this.on('error', this.#hear);
    const connect = this.connect.bind(this);
    // BullMQ, which it is for, gives no callback.
    this.connect = (async () => {
      await connect();
      if (this.#lost) throw this.#lost;
      return this;
    }) as pg.Client['connect'];
  }

  // An event that is passed on without being given would be one that nobody listens to.
  override removeAllListeners(...event: Parameters<pg.Client['removeAllListeners']>): this {
    super.removeAllListeners(...event);
    return this.on('error', this.#hear);
  }
}
