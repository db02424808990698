import { scrubText } from '../logging/scrub-text';

const maxLines = 500;
const maxLength = 500;

/** The lines of one run, scrubbed and bounded: the first ones are kept, the rest counted. */
export class RunLog {
  private readonly kept: string[] = [];
  private dropped = 0;

  add(line: string): void {
    if (this.kept.length < maxLines) this.kept.push(scrubText(line).slice(0, maxLength));
    else this.dropped += 1;
  }

  lines(): string[] {
    return this.dropped === 0 ? [...this.kept] : [...this.kept, `… and ${this.dropped} lines more`];
  }
}
