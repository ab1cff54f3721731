// The example that keeps a device up to date: what it decides, and one round after another on an emulated device. It
// uses the built package.
import { beforeAll, describe, expect, it } from 'vitest';

import { configOf } from '../../examples/update-agent/config.js';
import { atBoot, inWindow, nextCheck, reject, shouldStage } from '../../examples/update-agent/policy.js';
import type { Status } from '../../examples/update-agent/store.js';
import { booted, type Boot, device, whyNotBooted } from '../support/booted.js';
import { compileExamples } from '../support/example.js';

describe('The policy of update-agent', () => {
  const trial = { checksum: 'new', from: 'old', boots: 0 };

  it('counts the boots of what is on trial, and gives it up after too many', () => {
    expect(atBoot(trial, 'new', 2)).toEqual({ verdict: 'try', trial: { ...trial, boots: 1 } });
    expect(atBoot({ ...trial, boots: 1 }, 'new', 2)).toMatchObject({ verdict: 'try' });
    expect(atBoot({ ...trial, boots: 2 }, 'new', 2)).toEqual({
      verdict: 'give-up',
      trial: { ...trial, boots: 3 },
    });
  });

  it('tells what was never finished from what was gone back from', () => {
    expect(atBoot(trial, 'old', 2)).toEqual({ verdict: 'never-came' });
    expect(atBoot({ ...trial, boots: 1 }, 'old', 2)).toMatchObject({ verdict: 'fell-back' });
    expect(atBoot(trial, 'third', 2)).toEqual({ verdict: 'overruled' });
  });

  it('stages what is new, and neither what is there, nor staged, nor rejected', () => {
    const found = { booted: 'a', staged: null, latest: 'b', rejected: [] };
    expect(shouldStage(found)).toBe(true);
    expect(shouldStage({ ...found, latest: 'a' })).toBe(false);
    expect(shouldStage({ ...found, staged: 'b' })).toBe(false);
    expect(shouldStage({ ...found, rejected: ['b'] })).toBe(false);
    expect(shouldStage({ ...found, staged: 'b', latest: 'c', rejected: ['b'] })).toBe(true);
  });

  it('remembers a rejected commit once, and not for ever', () => {
    expect(reject(['a', 'b'], 'a')).toEqual(['b', 'a']);
    const many = Array.from({ length: 40 }, (_, i) => String(i));
    expect(reject(many, 'new')).toHaveLength(32);
    expect(reject(many, 'new').at(-1)).toBe('new');
  });

  it('knows the times of day to reboot in', () => {
    const at = (time: string) => new Date(`2026-03-01T${time}:00`);
    expect(inWindow([], at('12:00'))).toBe(true);
    expect(inWindow(['02:00-04:30'], at('02:00'))).toBe(true);
    expect(inWindow(['02:00-04:30'], at('04:30'))).toBe(false);
    expect(inWindow(['23:00-01:00'], at('00:59'))).toBe(true);
    expect(inWindow(['23:00-01:00'], at('22:59'))).toBe(false);
    expect(inWindow(['01:00-02:00', '12:00-12:01'], at('12:00'))).toBe(true);
    expect(() => inWindow(['2-4'], at('12:00'))).toThrow("'2-4' is not a reboot window");
  });

  it('asks again sooner after a failure, and never later than it would have', () => {
    expect(nextCheck(60_000, 0, 0)).toBe(60_000);
    expect(nextCheck(60_000, 0, 1)).toBe(66_000);
    expect([1, 2, 3].map((failures) => nextCheck(60_000, failures, 0))).toEqual([2_000, 4_000, 8_000]);
    expect(nextCheck(60_000, 50, 0)).toBe(60_000);
  });

  it('takes a configuration that has only what differs, and names what is wrong in one', () => {
    expect(configOf('{}', 'x')).toMatchObject({ interval: 3600, maxBoots: 2 });
    expect(configOf('{"interval":5}', 'x')).toMatchObject({ interval: 5, healthTimeout: 120 });
    for (const text of ['{"interval":"5"}', '{"interval":0}', '{"healthCommand":"true"}', '{"intervall":5}'])
      expect(() => configOf(text, '/etc/x')).toThrow(/^\/etc\/x: \w+ cannot be/);
    expect(() => configOf('{"rebootWindows":["night"]}', 'x')).toThrow("'night' is not a reboot window");
  });
});

const AGENT = '/run/package/.cache/test-examples/update-agent.js';
const STATE = '/var/lib/update-agent';

/** Runs one command of the agent there; the result is what it printed. */
async function agent(boot: Boot, command: 'boot' | 'once', settings: object = {}): Promise<string> {
  const config = { rebootCommand: ['touch', '/run/rebooting'], ...settings };
  await boot.run(`await fs.writeFile('/run/agent.json', args)`, { args: JSON.stringify(config) });
  return await boot.exec('/run/node/bin/node', AGENT, command, '--config', '/run/agent.json');
}

async function status(boot: Boot): Promise<Status> {
  return JSON.parse(await boot.exec('cat', '/run/update-agent/status.json')) as Status;
}

/** What is on trial, as it is written down; undefined without a trial. */
async function trialOf(boot: Boot): Promise<unknown> {
  const text = await boot.run<string | null>(
    `return await fs.readFile('${STATE}/trial.json', 'utf8').catch(() => null)`,
  );
  return text === null ? undefined : JSON.parse(text);
}

const isRebooting = (boot: Boot) =>
  boot.run<boolean>(`return await fs.access('/run/rebooting').then(() => true, () => false)`);

async function upgradable() {
  const machine = await device();
  const first = await machine.outside((sysroot) => Promise.resolve(sysroot.deployments[0]?.checksum));
  const second = await machine.publish('2');
  return { machine, first, second, boot: await machine.boot() };
}

/** A machine that is booted into version 2 for the first time. */
async function onTrial() {
  const { machine, second, boot } = await upgradable();
  await agent(boot, 'once');
  await boot.shutDown();
  return { machine, second, boot: await machine.boot() };
}

beforeAll(compileExamples);

describe.skipIf(whyNotBooted)(`update-agent, ${booted}`, () => {
  it('stages what is new, reboots into it, and keeps it when it is healthy', async () => {
    const { machine, first, second, boot } = await upgradable();
    expect(await agent(boot, 'once')).toMatch(/^staging \w{12}\nstaged 2 \(.*\)\nrebooting into 2 /);
    expect(await isRebooting(boot)).toBe(true);
    expect(await status(boot)).toMatchObject({
      phase: 'rebooting',
      staged: { version: '2', checksum: second },
    });
    expect(await trialOf(boot)).toEqual({ checksum: second, from: first, boots: 0 });
    await boot.shutDown();

    const next = await machine.boot();
    expect(await agent(next, 'boot')).toMatch(/^boot 1 of 2 /);
    expect(await trialOf(next)).toMatchObject({ boots: 1 });
    expect(await agent(next, 'once', { healthCommand: ['true'] })).toMatch(/^2 \(.*\) is healthy/);
    expect(await trialOf(next)).toBeUndefined();
    expect(await isRebooting(next)).toBe(false);
    expect(await status(next)).toMatchObject({ phase: 'idle', booted: { version: '2' }, lastError: null });
    expect(await agent(next, 'boot')).toBe('');
  });

  it('goes back when it is not healthy, and does not try it again; but does try what comes then', async () => {
    const { machine, second, boot } = await onTrial();
    await agent(boot, 'boot');
    const sick = { healthCommand: ['sh', '-c', 'echo no display >&2; exit 1'], healthTimeout: 1 };
    expect(await agent(boot, 'once', sick)).toMatch(/^2 \(.*\) is given up: [^]*no display/);
    expect(await isRebooting(boot)).toBe(true);
    await boot.shutDown();

    const back = await machine.boot();
    expect(await agent(back, 'boot')).toBe('');
    expect(await agent(back, 'once')).toBe('');
    expect(await status(back)).toMatchObject({
      phase: 'idle',
      booted: { version: '1' },
      staged: null,
      rejected: [second],
    });
    await machine.publish('3');
    expect(await agent(back, 'once')).toContain('staged 3 ');
  });

  it('goes back after too many boots, though the health was never seen', async () => {
    const { machine, second, boot } = await onTrial();
    expect(await agent(boot, 'boot', { maxBoots: 1 })).toContain('boot 1 of 2');
    const again = await machine.boot();
    expect(await agent(again, 'boot', { maxBoots: 1 })).toMatch(/is given up: 1 boots without/);
    expect(await isRebooting(again)).toBe(true);
    const back = await machine.boot();
    await agent(back, 'once');
    expect(await status(back)).toMatchObject({ booted: { version: '1' }, rejected: [second] });
  });

  it('stages again what a power cut took away', async () => {
    const { machine, boot } = await upgradable();
    await agent(boot, 'once');
    const next = await machine.boot();
    expect(await agent(next, 'boot')).toMatch(/^\w{12} was staged but not finished/);
    expect(await trialOf(next)).toBeUndefined();
    expect(await agent(next, 'once')).toContain('rebooting into 2');
  });

  it('rejects what the boot loader has gone back from', async () => {
    const { machine, second, boot } = await onTrial();
    await agent(boot, 'boot');
    const back = await machine.boot({ entry: 1 });
    expect(await agent(back, 'boot')).toMatch(/ ran 1 times, and was gone back from/);
    await agent(back, 'once');
    expect(await status(back)).toMatchObject({ phase: 'idle', rejected: [second] });
  });

  it('does not reboot outside the windows, nor while somebody holds it back', async () => {
    const { boot } = await upgradable();
    const hour = await boot.run<number>(`return new Date().getHours()`);
    const later = String((hour + 12) % 24).padStart(2, '0');
    await agent(boot, 'once', { rebootWindows: [`${later}:00-${later}:01`] });
    expect(await status(boot)).toMatchObject({ phase: 'waiting to reboot', staged: { version: '2' } });
    await boot.exec('touch', '/run/update-agent/hold');
    expect(await agent(boot, 'once')).toBe('');
    expect(await isRebooting(boot)).toBe(false);
    await boot.exec('rm', '/run/update-agent/hold');
    expect(await agent(boot, 'once')).toContain('rebooting into 2');
  });

  it('tells of what failed, and goes on', async () => {
    const { boot } = await upgradable();
    await boot.run(`await sysroot.repo.remotes.setOptions('origin', { url: 'http://127.0.0.1:9/' })`);
    expect(await agent(boot, 'once')).toMatch(/^checking: NETWORK: /);
    expect(await status(boot)).toMatchObject({ phase: 'idle', failures: 1, lastError: { code: 'NETWORK' } });
    await boot.run(`await sysroot.repo.remotes.setOptions('origin', { url: 'file:///run/device/repo' })`);
    expect(await agent(boot, 'once')).toContain('staged 2 ');
    expect(await status(boot)).toMatchObject({ failures: 0, lastError: null });
  });
});
