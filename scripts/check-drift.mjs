// Fails when binding.gyp and CMakeLists.txt would not build the same addon: flags, definitions, libraries, sources.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const gyp = JSON.parse(readFileSync('binding.gyp', 'utf8').replace(/^\s*#.*$/gm, '')).targets[0];
const cmake = readFileSync('CMakeLists.txt', 'utf8').replace(/#.*$/gm, '');

/** The words of `command(ostree PRIVATE …)`, outside any if(). */
function cmakeWords(command) {
  const top = cmake.replace(/^if\([\s\S]*?^endif\(\)/gm, '');
  const call = new RegExp(
    `^${command}\\(\\w+\\s+(?:PRIVATE|REQUIRED IMPORTED_TARGET)\\s+([^)]*)\\)`,
    'm',
  ).exec(top);
  return call ? call[1].split(/\s+/).filter(Boolean) : [];
}

/** What follows `pkg-config --cflags|--libs` in binding.gyp. */
function gypPackages(list) {
  const call = list.map((entry) => /pkg-config --\w+ ([^|)]*)/.exec(entry)).find(Boolean);
  return call ? call[1].split(/\s+/).filter(Boolean) : [];
}

// The words each build writes in its own way, and how the other one says the same.
const onlyGyp = new Set(['-std=c++20', '-fvisibility=hidden']);
for (const [flag, said] of [
  ['-std=c++20', 'CMAKE_CXX_STANDARD 20'],
  ['-fvisibility=hidden', 'CXX_VISIBILITY_PRESET hidden'],
]) {
  if (!gyp.cflags_cc.includes(flag) || !cmake.includes(said))
    fail(`${flag} in binding.gyp and "${said}" in CMakeLists.txt belong together`);
}

function fail(message) {
  console.error(`binding.gyp and CMakeLists.txt have drifted: ${message}`);
  process.exitCode = 1;
}

function same(what, fromGyp, fromCmake) {
  const [left, right] = [fromGyp, fromCmake].map((words) => [...new Set(words)].sort().join(' '));
  if (left !== right) fail(`${what}\n  binding.gyp:    ${left}\n  CMakeLists.txt: ${right}`);
}

same('definitions', gyp.defines, cmakeWords('target_compile_definitions'));
same('include directories', gyp.include_dirs, cmakeWords('target_include_directories'));
same(
  'compiler flags',
  gyp.cflags_cc.filter((flag) => !flag.startsWith('-isystem') && !flag.startsWith('<') && !onlyGyp.has(flag)),
  cmakeWords('target_compile_options'),
);
same('linker flags', gyp.ldflags, cmakeWords('target_link_options'));
same('pkg-config modules', gypPackages(gyp.libraries), cmakeWords('pkg_check_modules'));
same('pkg-config modules within binding.gyp', gypPackages(gyp.libraries), gypPackages(gyp.cflags_cc));
same(
  'sources (every .cc below a directory)',
  [/find (\S+) -name '\*\.cc'/.exec(gyp.sources[0])?.[1]],
  [/GLOB_RECURSE \w+ CONFIGURE_DEPENDS (\S+)\/\*\.cc/.exec(cmake)?.[1]],
);
