export { createEffects, Effects, type EffectsOptions } from './effects';
export { effectsMigrations } from './effects-migrations';
export type { Effect, EffectResult, Executor } from './executor';
export type { EffectFaults, EffectPoint } from './faults';
export type { PlannedEffect } from './plan-effect';
