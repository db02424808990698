/** Progress for a person: standard error, one line that is rewritten on a terminal and a line now and then elsewhere. */
export class Progress {
  private lastPlainLine = 0;
  private open = false;

  constructor(private readonly stream: NodeJS.WriteStream = process.stderr) {}

  /** Something that stays on the screen. */
  step(text: string): void {
    this.finishLine();
    this.stream.write(`${text}\n`);
  }

  /** Something that the next one replaces; elsewhere than on a terminal at most one line in two seconds. */
  update(text: string): void {
    if (this.stream.isTTY) {
      this.stream.write(`\r\u001b[2K${text}`);
      this.open = true;
    } else if (Date.now() - this.lastPlainLine > 2000) {
      this.lastPlainLine = Date.now();
      this.stream.write(`${text}\n`);
    }
  }

  private finishLine(): void {
    if (this.open) this.stream.write('\n');
    this.open = false;
  }
}
