import { BodyRoom } from './read-body';

const megabyte = 1_048_576;

it('lets small bodies in at once, and large ones as long as there is room, in the order they came', async () => {
  const room = new BodyRoom(10 * megabyte);
  const order: string[] = [];
  const enter = async (name: string, size: number): Promise<() => void> => {
    const leave = await room.enter(size * megabyte);
    order.push(name);
    return leave;
  };
  const leaveFirst = await enter('first', 6);
  const second = enter('second', 6);
  const third = enter('third', 2);
  await enter('small', 1);
  expect(order).toEqual(['first', 'small']);
  leaveFirst();
  leaveFirst();
  const leaveSecond = await second;
  await third;
  expect(order).toEqual(['first', 'small', 'second', 'third']);
  const alone = enter('larger than all room', 50);
  leaveSecond();
  (await third)();
  expect(await alone).toEqual(expect.any(Function));
});
