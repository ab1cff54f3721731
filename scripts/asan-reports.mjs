// Prints what the sanitizer's reports (the files named) say against the addon: every error of memory, and the leaks of
// memory that the addon itself, or a library it called, allocated. What Node allocates, even when the addon calls it, is
// Node's to free: it is still in use when vitest's workers are looked at. Exits 1 when there is something.
import { readFileSync } from 'node:fs';
import process from 'node:process';

const addon = /src-native\/|planted\/bugs\.cc|node-addon-api\/|\/ostree\.node\+0x/;
const node = /\/node\+0x|\bdeps\/(?:uv|v8)\//;

/** Whether the addon comes before Node on the way from malloc to main(). */
function isAddons(leak) {
  const frame = leak.split('\n').find((line) => addon.test(line) || node.test(line));
  return frame !== undefined && addon.test(frame);
}

for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, 'utf8');
  const leaks = text
    .split(/\n(?=Direct leak )/)
    .slice(1)
    .map((leak) => leak.split('\n\n')[0]);
  const findings = /ERROR: AddressSanitizer/.test(text) ? [text] : leaks.filter(isAddons);
  for (const finding of findings) {
    console.log(finding.trimEnd(), '\n');
    process.exitCode = 1;
  }
}
