export { createEffects, Effects, type EffectsOptions } from './effects';
export { effectsMigrations } from './effects-migrations';
export { type Effect, type EffectResult, type Executor, type InHand, WithdrawnError } from './executor';
export type { EffectFaults, EffectPoint } from './faults';
export { notMade, wasNotSent } from './not-sent';
export type { PlannedEffect } from './plan-effect';
