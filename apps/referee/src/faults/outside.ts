import type { World } from '@studybridge/sandbox';
import type { OutsideFault } from './strike';

/**
 * Scripts faults into the world. The first scripted fault that matches a call is the one it meets, so those that last for
 * the whole run are put back to the end of the list each time.
 */
export class Outside {
  private lasting: { id: number; fault: OutsideFault }[] = [];

  constructor(
    private readonly world: World,
    lasting: readonly OutsideFault[],
  ) {
    this.addLasting(lasting);
  }

  add(faults: readonly OutsideFault[]): void {
    if (faults.length === 0) return;
    const kept = this.lasting.map(({ fault }) => fault);
    for (const { id } of this.lasting) this.world.clearFaults(id);
    for (const { target, fault } of faults) this.world.addFault(target, fault);
    this.addLasting(kept);
  }

  /** How many times each kind was met, by target and kind. */
  met(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { target, fault, used } of this.world.faults()) {
      if (used > 0) counts[`${target} ${fault.kind}`] = (counts[`${target} ${fault.kind}`] ?? 0) + used;
    }
    return counts;
  }

  /** The outside behaves from now on. */
  clear(): void {
    this.world.clearFaults();
    this.lasting = [];
  }

  private addLasting(faults: readonly OutsideFault[]): void {
    this.lasting = faults.map((fault) => ({ id: this.world.addFault(fault.target, fault.fault).id, fault }));
  }
}
