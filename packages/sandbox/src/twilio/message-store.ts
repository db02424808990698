import { createHash } from 'node:crypto';
import type { Message } from './message';

/** All messages of the account, in the order of creation. */
export class MessageStore {
  private list: Message[] = [];
  private bySid = new Map<string, Message>();
  private byTo = new Map<string, Message[]>();

  constructor(private readonly account: string) {}

  /** Keeps a message and gives it its number and its SID, which follows from what it says, so that two plays of one world agree. */
  add(message: Omit<Message, 'n' | 'sid'>): Message {
    const { from, to, body, createdAt, serviceSid } = message;
    const said = JSON.stringify([this.account, from, serviceSid, to, body, createdAt]);
    for (let copy = 0; ; copy += 1) {
      const sid = `SM${createHash('sha256').update(`${said} ${copy}`).digest('hex').slice(0, 32)}`;
      if (this.bySid.has(sid)) continue;
      const kept = { n: this.list.length + 1, sid, ...message };
      this.index(kept);
      return kept;
    }
  }

  get(sid: string): Message | undefined {
    return this.bySid.get(sid);
  }

  /** Oldest first. */
  all(): readonly Message[] {
    return this.list;
  }

  /** Those to one number, oldest first. */
  to(number: string): readonly Message[] {
    return this.byTo.get(number) ?? [];
  }

  restore(messages: Message[]): void {
    this.list = [];
    this.bySid = new Map();
    this.byTo = new Map();
    for (const message of messages) this.index(message);
  }

  private index(message: Message): void {
    this.list.push(message);
    this.bySid.set(message.sid, message);
    const same = this.byTo.get(message.to);
    if (same) same.push(message);
    else this.byTo.set(message.to, [message]);
  }
}
