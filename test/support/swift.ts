// OpenStack's Swift with its S3 interface, on free ports of the loopback interface: a real store, for one test.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { execa } from 'execa';
import { onTestFinished } from 'vitest';

import { freePort } from './nginx.js';
import { temporaryDirectory } from './repo.js';

const PYTHON = '/usr/bin/python3';
const PROGRAMS = ['proxy', 'account', 'container', 'object'].map((name) => `/usr/bin/swift-${name}-server`);

/** Empty where Swift is; else what is missing. */
export const swiftMissing = PROGRAMS.every((program) => existsSync(program))
  ? ''
  : `Swift (Debian's swift-proxy, swift-account, swift-container, swift-object)`;

/** A server in the foreground, with a configuration of its own in place of that in /etc, and a cache in memory for memcached. */
const RUN = `
import sys
import types
from swift.common import utils

class Cache(dict):
    def __bool__(self):
        return True
    def get(self, key, raise_on_error=False, **_):
        return dict.get(self, key)
    def set(self, key, value, **_):
        self[key] = value
    def delete(self, key, **_):
        self.pop(key, None)

def filter_factory(_global, **_local):
    cache = Cache()
    def make(app):
        def call(env, start):
            env['swift.cache'] = cache
            return app(env, start)
        return call
    return make

sys.modules['memory'] = types.ModuleType('memory')
sys.modules['memory'].filter_factory = filter_factory
utils.SWIFT_CONF_FILE = sys.argv[3]
from swift.common.wsgi import run_wsgi
sys.exit(run_wsgi(sys.argv[1], sys.argv[2]))`;
const RING = `
import sys
from swift.common.ring import RingBuilder
for name, port in zip(('account', 'container', 'object'), sys.argv[2:]):
    builder = RingBuilder(4, 1, 1)
    builder.add_dev({'id': 0, 'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': int(port), 'device': 'disk', 'weight': 1, 'replication_ip': '127.0.0.1', 'replication_port': int(port), 'meta': ''})
    builder.rebalance()
    builder.get_ring().save('%s/%s.ring.gz' % (sys.argv[1], name))`;

export interface Swift {
  endpoint: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
}

export async function swift(): Promise<Swift> {
  const dir = await temporaryDirectory();
  await mkdir(join(dir, 'devices/disk'), { recursive: true });
  await writeFile(
    join(dir, 'swift.conf'),
    '[swift-hash]\nswift_hash_path_suffix = test\nswift_hash_path_prefix = test\n',
  );
  const ports = {
    proxy: await freePort(),
    account: await freePort(),
    container: await freePort(),
    object: await freePort(),
  };
  await execa(PYTHON, [
    '-c',
    RING,
    dir,
    String(ports.account),
    String(ports.container),
    String(ports.object),
  ]);
  const common = (port: number) =>
    `[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = ${port}\nworkers = 0\nswift_dir = ${dir}\ndevices = ${dir}/devices\nmount_check = false\nlog_address = ${dir}/no-log\n`;
  const use = (name: string) =>
    `[pipeline:main]\npipeline = ${name}-server\n[app:${name}-server]\nuse = egg:swift#${name}\n`;
  for (const name of ['account', 'container', 'object'] as const)
    await writeFile(join(dir, `${name}.conf`), common(ports[name]) + use(name));
  await writeFile(
    join(dir, 'proxy.conf'),
    `${common(ports.proxy)}
[pipeline:main]
pipeline = catch_errors cache s3api tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
paste.filter_factory = memory:filter_factory
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
`,
  );
  const servers = Object.keys(ports).map((name) => {
    const child = execa(
      PYTHON,
      ['-c', RUN, join(dir, `${name}.conf`), `${name}-server`, join(dir, 'swift.conf')],
      { reject: false },
    );
    let failure: string | undefined;
    void child.then(({ stderr, stdout }) => {
      failure = `Swift's ${name} server ended: ${stdout}${stderr}`;
    });
    return { child, failed: () => failure };
  });
  onTestFinished(async () => {
    for (const { child } of servers) child.kill('SIGKILL');
    await Promise.all(servers.map(({ child }) => child));
  });
  const listening = async (port: number) =>
    await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
  for (const port of Object.values(ports)) {
    while (!(await listening(port))) {
      for (const { failed } of servers) if (failed() !== undefined) throw new Error(failed());
      await pause(20); // asks again until it listens; its end is noticed above
    }
  }
  return {
    endpoint: `http://127.0.0.1:${ports.proxy}`,
    credentials: { accessKeyId: 'test:tester', secretAccessKey: 'testing' },
  };
}
