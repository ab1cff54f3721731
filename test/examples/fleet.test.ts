// The example with a fleet of devices, as a program of its own.
import { readdir } from 'node:fs/promises';

import { beforeAll, expect, it } from 'vitest';

import { compileExamples, runExample } from '../support/example.js';
import { temporaryDirectory } from '../support/repo.js';

interface Device {
  version: string;
  deployments: string[];
  verdict: string;
  attempts: { bytes: number; parts: number; totalParts: number; objects: number }[];
  update: { is: string; code?: string; message?: string };
}

interface Fleet {
  network: string;
  lostNetwork: number;
  withoutRoom: number;
  devices: Device[];
}

beforeAll(compileExamples);

it.each([
  ['where it may be', 8, []],
  ['on the loopback interface', 3, ['--loopback']],
])(
  'updates all devices from one delta, through a lost network, but for one that is full (%s)',
  async (_where, count, args) => {
    const tmp = await temporaryDirectory();
    const ended = await runExample('fleet', ['--json', '--devices', String(count), ...args], tmp);
    expect(ended.stderr).toBe('');
    expect(ended.exitCode).toBe(0);
    const { network, devices, lostNetwork, withoutRoom } = JSON.parse(ended.stdout) as Fleet;
    if (args.length > 0) expect(network).toBe('loopback');
    expect(devices).toHaveLength(count);
    for (const [i, { version, deployments, verdict, attempts, update }] of devices.entries()) {
      expect(verdict).toBe('ok');
      if (i === withoutRoom) {
        expect(update).toMatchObject({ is: 'failed', code: 'NO_SPACE' });
        expect({ version, deployments }).toEqual({ version: '1', deployments: ['1'] });
        continue;
      }
      expect(update.is).toBe('up to date');
      expect({ version, deployments }).toEqual({ version: '2', deployments: ['2', '1'] });
      const { parts, totalParts } = attempts.at(-1)!;
      expect(totalParts).toBeGreaterThan(3);
      expect(parts).toBe(totalParts);
    }
    // What had come before the cut did not come again.
    const [, ...cut] = devices[lostNetwork]!.attempts;
    // A busy machine may take another device more than one attempt, too.
    const whole = devices[0]!.attempts.slice(1).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(cut.length).toBeGreaterThan(1);
    expect(cut.at(-1)!.bytes).toBeLessThan(whole * 0.9);
    expect(await readdir(tmp)).toEqual([]);
  },
);
