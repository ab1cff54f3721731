// A daemon that keeps a device up to date: it pulls, stages, reboots when it may, sees whether the new operating system
// is healthy, and goes back where it is not. What it decides is in update-agent/policy.ts, and what it does in agent.ts.
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { Agent } from './update-agent/agent.js';
import { type Config, readConfig } from './update-agent/config.js';
import { nextCheck } from './update-agent/policy.js';

const HELP = `
Keeps the operating system that this machine was booted from up to date.

Usage: node update-agent.js boot|once|run [--config FILE]

  boot           counts a boot of what is on trial, and gives it up after too
                 many; update-agent-boot.service runs it early
  once           one round: health check of what is on trial, or a check for
                 updates, and a reboot into what is staged when it may
  run            rounds for ever: one each interval, and at SIGHUP
  --config FILE  /etc/update-agent.json unless given
`;

/** SIGTERM and Ctrl-C end it; SIGHUP wakes it up. */
class Signals {
  readonly #ended = new AbortController();
  #woken = new AbortController();

  constructor() {
    for (const name of ['SIGTERM', 'SIGINT'] as const)
      process.once(name, () => this.#ended.abort(new Error(`ended by ${name}`)));
    process.on('SIGHUP', () => this.#woken.abort());
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Waits; less long when woken up, also when that was while nobody waited. */
  async pause(milliseconds: number): Promise<void> {
    const signal = AbortSignal.any([this.#ended.signal, this.#woken.signal]);
    await pause(milliseconds, undefined, { signal }).catch(() => {});
    this.#woken = new AbortController();
    this.ended.throwIfAborted();
  }
}

async function forever(agent: Agent, config: Config, signals: Signals): Promise<never> {
  for (;;) {
    // A reboot that does not come is asked for again.
    const rebooting = (await agent.round()) === 'rebooting';
    await signals.pause(rebooting ? 60_000 : nextCheck(config.interval * 1_000, agent.failures));
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      config: { type: 'string', default: '/etc/update-agent.json' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [command] = positionals;
  if (values.help || positionals.length !== 1 || !['boot', 'once', 'run'].includes(command ?? '')) {
    process[values.help ? 'stdout' : 'stderr'].write(HELP.trimStart());
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const config = await readConfig(values.config);
  const signals = new Signals();
  try {
    await Agent.with(config, signals.ended, async (agent) => {
      if (command === 'boot') await agent.boot();
      else if (command === 'once') await agent.round();
      else await forever(agent, config, signals);
    });
  } catch (error) {
    if (!signals.ended.aborted) throw error;
    process.stdout.write(`${(signals.ended.reason as Error).message}\n`);
  }
}

await main();
