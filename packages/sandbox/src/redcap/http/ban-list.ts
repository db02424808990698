/**
 * REDCap's limiter (§7.1): an address that makes more than so many calls within a minute of real time is banned, and stays
 * so until somebody lifts it. What it answers then is a page, not an error of the API.
 */
export class BanList {
  private readonly calls = new Map<string, { since: number; count: number }>();
  private readonly banned = new Set<string>();

  /** `limit` is calls a minute; 0 bans nobody. */
  constructor(private readonly limit: number) {}

  /** Counts a call of an address, and says whether it is refused. */
  refuses(address: string, now = Date.now()): boolean {
    if (this.limit <= 0) return false;
    if (this.banned.has(address)) return true;
    const window = this.calls.get(address);
    if (window === undefined || now - window.since >= 60_000) this.calls.set(address, { since: now, count: 1 });
    else window.count += 1;
    if ((this.calls.get(address)?.count ?? 0) <= this.limit) return false;
    this.banned.add(address);
    return true;
  }

  /** Forgets who was banned. */
  lift(): void {
    this.calls.clear();
    this.banned.clear();
  }
}
