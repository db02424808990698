/** What must hold for `/health/ready`. The database is checked always. */
export class HealthRegistry {
  private readonly checks = new Map<string, () => Promise<void>>();

  /** A check throws when it does not hold. Cheap; asked every few seconds. */
  add(name: string, check: () => Promise<void>): void {
    this.checks.set(name, check);
  }

  /** Names of the checks with `ok` or the code of what is wrong; each has two seconds. */
  async ask(): Promise<Record<string, string>> {
    const results: Record<string, string> = {};
    await Promise.all(
      [...this.checks].map(async ([name, check]) => {
        let timer: NodeJS.Timeout | undefined;
        const late = new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(Object.assign(new Error('late'), { code: 'TIMEOUT' })), 2_000);
        });
        try {
          await Promise.race([check(), late]);
          results[name] = 'ok';
        } catch (error) {
          results[name] = String((error as { code?: unknown }).code ?? 'FAILED');
        } finally {
          clearTimeout(timer);
        }
      }),
    );
    return results;
  }
}
