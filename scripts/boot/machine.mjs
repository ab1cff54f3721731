// A virtual machine, whose boot loader this is: it reads the entries in /boot of the image, as the Boot Loader
// Specification has them, and starts qemu with the kernel of the first. The machine boots again whenever it went down by
// itself, until it is switched off.
import { execFile, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

import { goDown } from './control.mjs';

const run = promisify(execFile);

/** What can be read of the image while nothing has it mounted. */
async function debugfs(image, command) {
  return (await run('debugfs', ['-R', command, image], { maxBuffer: 1 << 24 })).stdout;
}

/** The entries of the boot loader, what boots first first. */
export async function bootEntries(image) {
  // A symlink as short as this one lies in the inode itself.
  const loader = /Fast link dest: "([^"]+)"/.exec(await debugfs(image, 'stat /boot/loader'))?.[1];
  if (!loader) throw new Error(`${image} has no /boot/loader`);
  const listing = await debugfs(image, `ls -p /boot/${loader}/entries`);
  const names = listing
    .split('\n')
    .map((line) => line.split('/')[5] ?? '')
    .filter((name) => name.endsWith('.conf'));
  const entries = [];
  for (const name of names) {
    const text = await debugfs(image, `cat /boot/${loader}/entries/${name}`);
    entries.push(
      Object.fromEntries(text.split('\n').map((line) => /^(\S+)\s+(.*)$/.exec(line)?.slice(1) ?? [])),
    );
  }
  return entries.sort((a, b) => Number(b.version) - Number(a.version));
}

export class Machine {
  /** The title of the entry of each boot so far. */
  boots = [];
  #dir;
  #image;
  #control;
  #log;
  #started = performance.now();
  #serial = '';
  #listeners = new Set();
  #qemu;
  #on = false;
  #running = Promise.resolve();

  constructor({ dir, image, control, log }) {
    this.#dir = dir;
    this.#image = image;
    this.#control = control;
    this.#log = createWriteStream(log);
  }

  /** Starts it; `entry` is for the first boot only. */
  powerOn({ entry = 0 } = {}) {
    this.#on = true;
    this.#running = this.#bootUntilOff(entry);
    this.#running.catch((error) => this.#control.fail(error));
  }

  async #bootUntilOff(entry) {
    for (; this.#on; entry = 0) {
      await this.#boot(entry);
      this.#control.gone();
    }
  }

  async #boot(index) {
    const entry = (await bootEntries(this.#image))[index];
    if (!entry) throw new Error(`the boot loader has no entry ${index}`);
    const [kernel, initrd] = ['linux', 'initrd'].map((key) => join(this.#dir, key));
    await debugfs(this.#image, `dump /boot${entry.linux} ${kernel}`);
    await debugfs(this.#image, `dump /boot${entry.initrd} ${initrd}`);
    this.boots.push(entry.title);
    const more = `panic=-1 mitigations=off systemd.show_status=1 boot-test=${this.#control.urlInGuest}`;
    const drive = `file=${this.#image},if=none,id=disk,format=raw,cache=unsafe`;
    const args = [
      // Emulation only: a KVM that is there need not work.
      ...['-accel', 'tcg,thread=multi,tb-size=256', '-M', 'q35', '-cpu', 'max', '-smp', '2', '-m', '1024'],
      ...['-nodefaults', '-no-user-config', '-nographic', '-no-reboot', '-serial', 'stdio'],
      ...['-drive', drive, '-device', 'virtio-blk-pci,drive=disk', '-device', 'virtio-rng-pci'],
      ...['-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net,romfile='],
      ...['-kernel', kernel, '-initrd', initrd, '-append', `${entry.options} ${more}`],
    ];
    this.#write(`--- boot ${this.boots.length}: ${entry.title}: ${entry.options}\n`);
    if (!this.#on) return;
    const qemu = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#qemu = qemu;
    const orphan = () => qemu.kill('SIGKILL');
    process.once('exit', orphan);
    for (const stream of [qemu.stdout, qemu.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => this.#write(text));
    }
    await new Promise((resolve, reject) => {
      qemu.once('error', reject);
      qemu.once('close', resolve);
    });
    process.off('exit', orphan);
    this.#qemu = undefined;
    this.#write('--- qemu ended\n');
  }

  #write(text) {
    this.#serial += text;
    const lines = this.#serial.split('\n');
    this.#serial = lines.pop() ?? '';
    for (const line of lines) {
      const at = ((performance.now() - this.#started) / 1000).toFixed(2).padStart(7);
      // eslint-disable-next-line no-control-regex -- colours and cursor movements
      const plain = line.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1bM|[\r\x07]/g, '');
      this.#log.write(`[${at}] ${plain}\n`);
      for (const listener of this.#listeners) listener(plain);
    }
  }

  /** Waits for a line on the serial console. */
  line(pattern, timeout = 600_000) {
    const found = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#listeners.delete(look);
        reject(new Error(`no line ${pattern} on the serial console for ${timeout / 1000} s`));
      }, timeout);
      const look = (line) => {
        if (!pattern.test(line)) return;
        clearTimeout(timer);
        this.#listeners.delete(look);
        resolve(line);
      };
      this.#listeners.add(look);
      timer.unref(); // what has failed meanwhile need not wait for it
    });
    found.catch(() => {}); // it may be awaited only after something else, which fails too
    return found;
  }

  /** A power cut. */
  async kill() {
    this.#on = false;
    this.#qemu?.kill('SIGKILL');
    await this.#running;
    this.#control.gone();
  }

  /** Lets it go down by what `body` does in it, and stay down. */
  async powerOff(guest) {
    this.#on = false;
    await goDown(guest, 'poweroff.target');
    await this.#running;
  }

  /** Lets it reboot, and waits for it to be back. */
  async reboot(guest) {
    const next = this.#control.next();
    await goDown(guest, 'reboot.target');
    return await next;
  }
}
