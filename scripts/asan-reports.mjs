// Prints what the sanitizer's reports (the files named) say against the addon: every error of memory, and the leaks of
// memory that the addon, or a library that nobody but the addon calls, asked for. What Node asks for, even when the addon
// calls it, is Node's to free: it is still in use when vitest's workers are looked at. Exits 1 when there is something.
import { readFileSync } from 'node:fs';
import process from 'node:process';

// malloc and what stands between it and whoever asked for the memory.
const runtime =
  /libsanitizer\/|\/lib(?:asan|stdc\+\+|c)\.so|\/usr\/include\/c\+\+\/|sysdeps\/| in operator new/;
const addon =
  /src-native\/|planted\/bugs\.cc|node-addon-api\/|\/ostree\.node\+0x|\/lib(?:ostree-1|glib-2\.0|gobject-2\.0|gio-2\.0|archive|gpgme|crypto)\.so/;

/** Whether the addon, or one of its libraries, asked for the memory. */
function isAddons(leak) {
  const frames = leak.split('\n').filter((line) => /^ +#\d+ /.test(line));
  const asked = frames.find((frame) => !runtime.test(frame));
  return asked !== undefined && addon.test(asked);
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
