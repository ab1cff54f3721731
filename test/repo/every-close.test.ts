// Every method of a Repo that is closed says so, and close() waits for every one that runs, or cancels it.
import { OstreeError, Repo } from 'ostree';
import { expect, it } from 'vitest';

import {
  type Call,
  end,
  EVERY,
  LONG,
  outcome,
  prepare,
  templateOfFile,
  UNSUPPORTED,
  type World,
  world,
} from '../support/every-call.js';

const made = templateOfFile();
for (const [method, why] of Object.entries(UNSUPPORTED))
  console.warn(`${method}() is not closed over: ${why}`);

/** The others belong to no Repo. */
const isOfRepo = ([group]: (typeof EVERY)[number]) => group !== 'functions';
/** What goes on after it was called, and ends with the Repo: streams and iterators, locks and transactions. */
const OPEN = 'createReadStream exportTar log objects reachable walk begin lock transaction'.split(' ');
const isAwaited = (one: (typeof EVERY)[number]) =>
  isOfRepo(one) && one[0] !== 'Transaction' && !OPEN.includes(one[1]);

async function expectAwaited(place: World, call: Call, name: string): Promise<void> {
  let settled = false;
  const running = outcome(() => call(place, {})).finally(() => (settled = true));
  await place.repo.close();
  expect(settled, name).toBe(true);
  await running;
}

it('every method is CLOSED', async () => {
  const place = await world(made());
  await prepare(place, 'Repo');
  await prepare(place, 'Transaction');
  await place.repo.close();
  for (const [group, method, call] of EVERY.filter(isOfRepo))
    await expect(
      outcome(() => call(place, {})),
      `${group}: ${method}()`,
    ).rejects.toMatchObject({ code: 'CLOSED' });
  await end(place);
});

it('short calls are waited for by close()', async () => {
  const place = await world(made());
  for (const [group, method, call] of EVERY.filter((one) => isAwaited(one) && !LONG.includes(one))) {
    await expectAwaited(place, call, `${group}: ${method}()`);
    place.repo = await Repo.open(place.path);
  }
  await end(place);
});

it.each(LONG.filter(isAwaited))('is waited for by close(): %s: %s()', async (group, method, call) => {
  const place = await world(made());
  await prepare(place, group, method);
  await expectAwaited(place, call, method);
  await end(place);
});

it('every method is cancelled by close({ cancel: true }), or has been done', async () => {
  const place = await world(made());
  await prepare(place, 'Repo');
  for (const [group, method, call] of EVERY.filter(isOfRepo)) {
    if (group === 'Transaction') await prepare(place, group);
    const running = outcome(() => call(place, {})).then(
      () => 'done',
      (error: unknown) => (OstreeError.is(error) ? error.code : error),
    );
    await place.repo.close({ cancel: true });
    // Those before it may have deleted what it asks for.
    expect(['done', 'CANCELLED', 'CLOSED', 'NOT_FOUND', 'SIGNATURE'], method).toContain(await running);
    place.repo = await Repo.open(place.path);
  }
  expect((await place.repo.fsck()).verdict).not.toBe('corrupt');
  await end(place);
});
