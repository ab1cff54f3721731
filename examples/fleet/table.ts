// One line for each device: drawn again and again on a terminal, else printed when something happens.
import { megabytes } from '../support/report.js';
import type { Report } from './device.js';

/** What its line says. */
export function describe(report: Report): string {
  switch (report.is) {
    case 'pulling': {
      const { bytes, parts, totalParts } = report.attempt;
      const of = totalParts ? `, ${parts} of ${totalParts} parts` : '';
      return `pulling: ${megabytes(bytes)}${of}, ${megabytes(report.rate)}/s`;
    }
    case 'up to date':
      return `has version ${report.version}`;
    case 'failed':
      return `${report.code}: ${report.message}`;
    default:
      return report.is;
  }
}

export class Table {
  readonly #lines: string[];
  readonly #live: boolean;
  readonly #silent: boolean;
  #drawn = false;

  constructor(count: number, silent: boolean) {
    this.#lines = Array<string>(count).fill('');
    this.#silent = silent;
    this.#live = process.stdout.isTTY === true;
  }

  set(device: number, report: Report): void {
    this.#lines[device] = `device ${device}  ${describe(report)}`;
    if (this.#silent) return;
    if (this.#live) this.#draw();
    else if (report.is !== 'pulling') console.log(this.#lines[device]);
  }

  /** What is printed next stands below it. */
  title(text: string): void {
    if (!this.#silent) console.log(text);
    this.#drawn = false;
  }

  #draw(): void {
    const width = (process.stdout.columns ?? 80) - 1;
    const up = this.#drawn ? `\x1b[${this.#lines.length}A` : '';
    process.stdout.write(up + this.#lines.map((line) => `${line.slice(0, width)}\x1b[K\n`).join(''));
    this.#drawn = true;
  }
}
