// The host's end of guest/jobs.mjs: runs the bodies of functions in whatever is booted.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/** The host, as qemu's user network shows it to a guest. */
const HOST = '10.0.2.2';

/** One boot of the machine, which takes one job at a time. */
class Guest {
  /** What it said of itself: uptime, versions, kernel command line. */
  hello;
  #answer;
  #job;

  constructor(hello) {
    this.hello = hello;
  }

  /** It is ready for a job: `answer` takes it there. */
  ready(answer) {
    this.#answer = answer;
    if (this.#job && !this.#job.sent) this.#send();
  }

  #send() {
    this.#job.sent = true;
    this.#answer.end(JSON.stringify(this.#job.request));
    this.#answer = undefined;
  }

  done({ result, error }) {
    const job = this.#job;
    this.#job = undefined;
    if (error) job?.reject(Object.assign(new Error(error.message), error));
    else job?.resolve(result);
  }

  gone() {
    this.#job?.reject(Object.assign(new Error('the machine went down amid a job'), { code: 'DOWN' }));
    this.#job = undefined;
  }

  /** Runs the body of an async function, which finds `sysroot`, `ostree`, `fs`, `exec()` and `args`. */
  async run(body, args = null, timeout = 600_000) {
    let timer;
    try {
      return await new Promise((resolve, reject) => {
        timer = setTimeout(
          () => reject(new Error(`a job took more than ${timeout / 1000} s: ${body}`)),
          timeout,
        );
        this.#job = { request: { body, args }, sent: false, resolve, reject };
        if (this.#answer) this.#send();
      });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Has a guest go down; it may do so before it can say that it will. */
export async function goDown(guest, target) {
  await guest.run(`exec('systemctl', '--no-block', 'start', args)`, target).catch((error) => {
    if (error.code !== 'DOWN') throw error;
  });
}

export class Control {
  #server;
  #guests = new Map();
  #current;
  #waiting = [];

  static async start() {
    const control = new Control();
    control.#server = createServer((req, res) => void control.#answer(req, res)).listen(0, '127.0.0.1');
    await once(control.#server, 'listening');
    return control;
  }

  get urlInGuest() {
    return `http://${HOST}:${this.#server.address().port}`;
  }

  async #answer(req, res) {
    const id = req.headers['boot-id'];
    const message = JSON.parse(await text(req));
    if (req.url === '/hello' && !this.#guests.has(id)) {
      this.#current = new Guest(message);
      this.#guests.set(id, this.#current);
      for (const { resolve } of this.#waiting.splice(0)) resolve(this.#current);
    }
    const guest = this.#guests.get(id);
    if (!guest) return res.writeHead(404).end();
    if (req.url === '/done') guest.done(message);
    guest.ready(res);
  }

  /** The next boot that comes up. */
  next(timeout = 600_000) {
    let timer;
    const found = new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no boot came up within ${timeout / 1000} s`)), timeout);
      this.#waiting.push({ resolve, reject });
      timer.unref();
    }).finally(() => clearTimeout(timer));
    found.catch(() => {}); // it may be awaited only after something else, which fails too
    return found;
  }

  /** The boot that is up, or the next one. */
  async guest() {
    return this.#current ?? (await this.next());
  }

  /** The machine went down. */
  gone() {
    this.#current?.gone();
    this.#current = undefined;
  }

  fail(error) {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  close() {
    this.fail(new Error('nobody waits any more'));
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** A repository over HTTP that can be taken away and brought back, at the same port. */
export class RepoServer {
  #handler;
  #server;
  #port = 0;

  static async start(handler) {
    const server = new RepoServer();
    server.#handler = handler;
    await server.up();
    return server;
  }

  async up() {
    this.#server = createServer(this.#handler).listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = this.#server.address().port;
  }

  async down() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  get urlInGuest() {
    return `http://${HOST}:${this.#port}`;
  }
}
