import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { sandboxError } from './sandbox-error';

/** The journal is folded into the state file when it has grown to this size. */
const journalBytes = 4_000_000;

/**
 * The world on disk: a state file (written whole, beside it and then renamed) and a journal of what happened since. Every
 * input that changes the world is in the journal before it is answered, so a world that comes back after SIGKILL is never
 * older than an answer it gave. The journal names the state it follows; one that follows another state is passed over.
 */
export class StateFile {
  private journal: number | null = null;
  private written = 0;
  private epoch = 0;

  constructor(private readonly file: string) {}

  private get journalFile(): string {
    return `${this.file}.journal`;
  }

  /**
   * The state last written and what happened after it; null when there is none yet. Throws a `setting` error when the
   * file cannot be read as a state.
   */
  load(): { state: Record<string, unknown>; since: unknown[] } | null {
    if (!existsSync(this.file)) return null;
    let state: Record<string, unknown>;
    try {
      state = JSON.parse(readFileSync(this.file, 'utf8')) as Record<string, unknown>;
    } catch (error) {
      throw sandboxError(
        'SANDBOX_STATE_UNREADABLE',
        `The sandbox's state file ${this.file} cannot be read.`,
        'Remove it to start the world anew, or put back a good copy.',
        error,
      );
    }
    this.epoch = Number(state['epoch']);
    return { state, since: this.readJournal() };
  }

  /** Writes the whole state and starts an empty journal after it. */
  save(state: Record<string, unknown>): void {
    this.closeJournal();
    mkdirSync(path.dirname(path.resolve(this.file)), { recursive: true, mode: 0o700 });
    this.epoch += 1;
    const beside = `${this.file}.new`;
    writeFileSync(beside, JSON.stringify({ ...state, epoch: this.epoch }), { mode: 0o600 });
    renameSync(beside, this.file);
    chmodSync(this.file, 0o600);
    const journalBeside = `${this.journalFile}.new`;
    writeFileSync(journalBeside, `${JSON.stringify({ epoch: this.epoch })}\n`, { mode: 0o600 });
    renameSync(journalBeside, this.journalFile);
    this.journal = openSync(this.journalFile, 'a');
    this.written = 0;
  }

  /** Appends one input; returns only when the operating system has it. */
  append(entry: unknown): void {
    if (this.journal === null) throw new Error('the sandbox’s journal is not open');
    const line = `${JSON.stringify(entry)}\n`;
    writeSync(this.journal, line);
    this.written += line.length;
  }

  /** Whether the journal has grown so long that the state should be written. */
  get isLong(): boolean {
    return this.written > journalBytes;
  }

  closeJournal(): void {
    if (this.journal !== null) closeSync(this.journal);
    this.journal = null;
  }

  remove(): void {
    this.closeJournal();
    rmSync(this.file, { force: true });
    rmSync(this.journalFile, { force: true });
  }

  private readJournal(): unknown[] {
    if (!existsSync(this.journalFile)) return [];
    const entries: unknown[] = [];
    for (const line of readFileSync(this.journalFile, 'utf8').split('\n')) {
      if (line === '') continue;
      try {
        entries.push(JSON.parse(line));
      } catch {
        // A line cut short by a kill: its input was never answered.
        break;
      }
    }
    const [head, ...since] = entries;
    return (head as { epoch?: number } | undefined)?.epoch === this.epoch ? since : [];
  }
}
