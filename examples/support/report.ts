// What the examples print: readable on a terminal, or one JSON document.

export interface Step {
  step: string;
  milliseconds: number;
  [detail: string]: unknown;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

export class Report {
  readonly steps: Step[] = [];
  readonly #json: boolean;
  readonly #live = process.stdout.isTTY;
  #lastLine = 0;

  constructor(json: boolean) {
    this.#json = json;
  }

  /** Runs one step, times it, and prints what it says of itself. */
  async step<T>(
    name: string,
    body: () => Promise<T>,
    describe: (result: T) => Record<string, unknown> = () => ({}),
  ): Promise<T> {
    const started = performance.now();
    if (!this.#json) process.stdout.write(`• ${name}\n`);
    const result = await body();
    const milliseconds = Math.round(performance.now() - started);
    const details = describe(result);
    this.steps.push({ step: name, milliseconds, ...details });
    this.#clear();
    if (!this.#json) {
      const text = Object.entries(details).map(
        ([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
      );
      process.stdout.write(`    ${[seconds(milliseconds), ...text].join(' · ')}\n`);
    }
    return result;
  }

  say(text: string): void {
    if (!this.#json) process.stdout.write(`${text.replace(/^/gm, '    ')}\n`);
  }

  /** A bar that is drawn over itself on a terminal, and a line every few seconds elsewhere. */
  progress(fraction: number | undefined, text: string): void {
    if (this.#json) return;
    if (this.#live) {
      const width = 30;
      const filled = Math.round((fraction ?? 0) * width);
      process.stdout.write(`\r    [${'█'.repeat(filled)}${'░'.repeat(width - filled)}] ${text}\x1b[K`);
    } else if (performance.now() - this.#lastLine > 5_000) {
      this.#lastLine = performance.now();
      process.stdout.write(
        `    ${fraction === undefined ? '' : `${Math.round(fraction * 100)} % `}${text}\n`,
      );
    }
  }

  table(rows: Record<string, string | number | boolean>[]): void {
    if (this.#json || rows.length === 0) return;
    const columns = Object.keys(rows[0] ?? {});
    const widths = columns.map((column) =>
      Math.max(column.length, ...rows.map((row) => String(row[column]).length)),
    );
    const line = (cells: unknown[]) =>
      `  ${cells.map((cell, i) => String(cell).padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd();
    process.stdout.write(`\n${line(columns)}\n${line(widths.map((width) => '─'.repeat(width)))}\n`);
    for (const row of rows) process.stdout.write(`${line(columns.map((column) => row[column]))}\n`);
  }

  end(summary: Record<string, unknown>): void {
    if (this.#json) process.stdout.write(`${JSON.stringify({ ...summary, steps: this.steps }, null, 2)}\n`);
  }

  #clear(): void {
    if (this.#live && !this.#json) process.stdout.write('\r\x1b[K');
  }
}
