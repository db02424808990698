import { testDatabase } from './postgres/test-database';

/** Databases, services and whatever else a test began: ended after it, the last one first. */
export class Cleanup {
  private readonly steps: (() => Promise<unknown>)[] = [];

  /** Will be stopped. */
  add<T extends { stop(): Promise<void> }>(service: T): T {
    this.steps.push(() => service.stop());
    return service;
  }

  /** Address of a fresh, empty database; it will be dropped. */
  async database(name: string): Promise<string> {
    const database = await testDatabase(name);
    this.steps.push(() => database.drop());
    return database.url;
  }

  /** Will be done, too. */
  also(step: () => Promise<unknown>): void {
    this.steps.push(step);
  }

  /** Ends everything; for `afterEach`. */
  async run(): Promise<void> {
    for (const step of this.steps.splice(0).reverse()) await step();
  }
}
