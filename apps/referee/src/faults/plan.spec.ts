import { planFaults } from './plan';
import { points } from './strike';

const services = ['redcap-gateway', 'agile-health'];
const plan = (seed: number, kills = 60) => planFaults({ seed, kills, stops: 300, services });

describe('a plan of faults', () => {
  it('is the same whenever the seed is, and another for another seed', () => {
    expect(plan(7)).toEqual(plan(7));
    expect(plan(7)).not.toEqual(plan(8));
  });

  it('kills and freezes as often as asked for, at every named point, and at random moments', () => {
    const strikes = plan(1).strikes.flatMap(({ strike }) => ('service' in strike ? [strike] : []));
    expect(strikes).toHaveLength(60);
    for (const service of services) {
      for (const point of points[service] ?? []) {
        expect(strikes.filter((strike) => strike.service === service && strike.point === point)).not.toHaveLength(0);
      }
    }
    expect(strikes.filter((strike) => strike.point === null).length).toBeGreaterThan(5);
    expect(strikes.filter((strike) => strike.what === 'freeze').length).toBeGreaterThan(5);
  });

  it('kills broker and database more than once, and loses the broker’s volume once', () => {
    const ground = plan(1).strikes.map(({ strike }) => strike.what);
    expect(ground.filter((what) => what === 'lose-volume')).toHaveLength(1);
    expect(ground.filter((what) => what === 'kill-broker').length).toBeGreaterThan(1);
    expect(ground.filter((what) => what === 'kill-database').length).toBeGreaterThan(1);
  });

  it('leaves the last stops free, so that what was broken can be seen whole', () => {
    for (const { stop } of [...plan(3).strikes, ...plan(3).outside]) expect(stop).toBeLessThan(297);
  });
});
