import { DateTime } from 'luxon';
import type { Handset } from '@studybridge/studies';
import type { WorldPort } from '../world/world-port';
import { daysBetween, type Member } from './member';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** The partner's own times (`studies.md §6`). */
const times = {
  checkAfterMs: minuteMs,
  checkTakesMs: 4 * minuteMs,
  optInAgainAfterMs: [24 * hourMs, 48 * hourMs],
  optInExpiresAfterMs: 72 * hourMs,
  programmeMonths: 4,
  boosterScheduledMonths: 11,
  boosterMonths: 12,
  boosterEndMonths: 13,
};

const optInText = {
  en: 'Welcome! Reply YES to get texts for your family. Reply STOP to end.',
  es: '¡Bienvenida! Responda SI para recibir mensajes para su familia. Responda STOP para terminar.',
};

const words = {
  yes: new Set(['YES', 'Y', 'SI', 'SÍ']),
  stop: new Set(['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'ALTO']),
  start: new Set(['START', 'UNSTOP']),
};

/** Nobody has had a text to answer STOP to, or has been stopped already. */
const deafToStop = new Set([
  'RECEIVED',
  'NUMBER_CHECKING',
  'INVALID_NUMBER',
  'SHORTCODE_BLOCKED',
  'OPTED_OUT',
  'WITHDRAWN',
]);

interface MemberTimer {
  memberId: string;
  /** The attempt or programme it belongs to. */
  of: number;
}

/** What happens to a member by the world's clock and by what handsets answer. */
export class Lifecycle {
  private readonly lines: Map<string, Handset['line']>;

  constructor(
    private readonly port: WorldPort,
    handsets: readonly Handset[],
    private readonly memberById: (memberId: string) => Member | undefined,
    private readonly log: (line: string) => void,
  ) {
    this.lines = new Map(handsets.map((handset) => [handset.mobile, handset.line]));
    this.onAttempt('agile.check', (member) => {
      if (member.status === 'RECEIVED') this.beginCheck(member);
    });
    this.onAttempt('agile.checked', (member) => this.endCheck(member));
    this.onAttempt('agile.opt-in-again', (member) => {
      if (member.status === 'OPT_IN_SENT') this.sendOptInText(member);
    });
    this.onAttempt('agile.opt-in-expired', (member) => {
      if (member.status === 'OPT_IN_SENT') this.move(member, 'OPT_IN_EXPIRED', 'NO_REPLY');
    });
    this.onProgramme('agile.programme-over', (member) => {
      if (member.status === 'ACTIVE' || member.status === 'PAUSED') this.move(member, 'COMPLETED');
    });
    this.onProgramme('agile.booster', (member) => {
      const next = {
        COMPLETED: 'BOOSTER_SCHEDULED',
        BOOSTER_SCHEDULED: 'BOOSTER_ACTIVE',
        BOOSTER_ACTIVE: 'BOOSTER_COMPLETED',
      };
      const to = (next as Record<string, string>)[member.status];
      if (to !== undefined) this.move(member, to);
    });
  }

  /** A member was just created. */
  begin(member: Member): void {
    this.later(member, 'agile.check', times.checkAfterMs, member.attempt);
  }

  /** The mobile number was just changed: the check and the opt-in start again, with the new number. */
  numberChanged(member: Member): void {
    member.attempt += 1;
    member.optIn = { sentAt: null, answeredAt: null };
    this.beginCheck(member);
  }

  armSet(member: Member): void {
    if (member.status === 'OPTED_IN') this.beginProgramme(member);
  }

  withdraw(member: Member): void {
    member.attempt += 1;
    member.programme += 1;
    this.move(member, 'WITHDRAWN', 'BY_STUDY');
  }

  /** Whatever the status was, it is this one from now on, known word or not; nothing begun before goes on by itself. */
  force(member: Member, status: string): void {
    member.attempt += 1;
    this.move(member, status, 'BY_PARTNER');
  }

  text(member: Member, body: string): void {
    member.texts.push({ at: this.port.now().toISOString(), from: 'handset', body });
    member.lastInboundAt = this.port.now().toISOString();
    this.touch(member);
    const word = body.trim().toUpperCase();
    if (words.stop.has(word)) {
      if (deafToStop.has(member.status)) return;
      member.attempt += 1;
      this.move(member, 'OPTED_OUT', 'STOP');
    } else if (words.yes.has(word)) {
      if (member.status === 'OPT_IN_EXPIRED') this.askToOptIn(member);
      else if (member.status === 'OPT_IN_SENT') this.optedIn(member);
    } else if (words.start.has(word)) {
      if (member.status === 'OPTED_OUT' || member.status === 'OPT_IN_EXPIRED') this.askToOptIn(member);
    }
  }

  /** Something about the member that a poll may see has changed. */
  touch(member: Member): void {
    member.updatedAt = this.port.now().toISOString();
    this.port.changed();
  }

  private beginCheck(member: Member): void {
    member.numberCheck = 'pending';
    this.move(member, 'NUMBER_CHECKING');
    this.later(member, 'agile.checked', times.checkTakesMs, member.attempt);
  }

  private endCheck(member: Member): void {
    if (member.status !== 'NUMBER_CHECKING') return;
    const line = this.lines.get(member.details.mobile) ?? 'mobile';
    member.numberCheck = line === 'mobile' ? 'passed' : 'failed';
    if (line === 'landline') this.move(member, 'INVALID_NUMBER', 'LANDLINE');
    else if (line === 'blocks-short-codes') this.move(member, 'SHORTCODE_BLOCKED', 'CARRIER_BLOCKS_SHORT_CODES');
    else this.askToOptIn(member);
  }

  private askToOptIn(member: Member): void {
    member.attempt += 1;
    member.optIn = { sentAt: this.port.now().toISOString(), answeredAt: null };
    this.sendOptInText(member);
    this.move(member, 'OPT_IN_SENT');
    for (const afterMs of times.optInAgainAfterMs) this.later(member, 'agile.opt-in-again', afterMs, member.attempt);
    this.later(member, 'agile.opt-in-expired', times.optInExpiresAfterMs, member.attempt);
  }

  private sendOptInText(member: Member): void {
    const body = member.details.language === 'es' ? optInText.es : optInText.en;
    member.texts.push({ at: this.port.now().toISOString(), from: 'programme', body });
  }

  private optedIn(member: Member): void {
    member.attempt += 1;
    member.optIn.answeredAt = this.port.now().toISOString();
    this.move(member, 'OPTED_IN');
    if (member.arm !== null) this.beginProgramme(member);
  }

  private beginProgramme(member: Member): void {
    member.programme += 1;
    this.move(member, 'ACTIVE');
    this.monthsLater(member, 'agile.programme-over', times.programmeMonths);
    for (const months of [times.boosterScheduledMonths, times.boosterMonths, times.boosterEndMonths]) {
      this.monthsLater(member, 'agile.booster', months);
    }
  }

  private move(member: Member, status: string, reason: string | null = null): void {
    const now = this.port.now();
    this.log(`${member.memberId}: ${member.status} → ${status}`);
    member.before = { status: member.status, statusReason: member.statusReason, statusAt: member.statusAt };
    if (member.activeSince !== null) member.earlierDays += daysBetween(member.activeSince, now);
    member.activeSince = status === 'ACTIVE' || status === 'BOOSTER_ACTIVE' ? now.toISOString() : null;
    member.status = status;
    member.statusReason = reason;
    member.statusAt = now.toISOString();
    this.touch(member);
  }

  private later(member: Member, name: string, afterMs: number, of: number): void {
    const data: MemberTimer = { memberId: member.memberId, of };
    this.port.schedule(new Date(this.port.now().getTime() + afterMs), name, data);
  }

  private monthsLater(member: Member, name: string, months: number): void {
    const at = DateTime.fromJSDate(this.port.now(), { zone: 'utc' }).plus({ months }).toJSDate();
    const data: MemberTimer = { memberId: member.memberId, of: member.programme };
    this.port.schedule(at, name, data);
  }

  private onAttempt(name: string, fn: (member: Member) => void): void {
    this.on(name, (member) => member.attempt, fn);
  }

  private onProgramme(name: string, fn: (member: Member) => void): void {
    this.on(name, (member) => member.programme, fn);
  }

  private on(name: string, current: (member: Member) => number, fn: (member: Member) => void): void {
    this.port.onTimer(name, (data) => {
      const { memberId, of } = data as MemberTimer;
      const member = this.memberById(memberId);
      if (member && current(member) === of) fn(member);
    });
  }
}
