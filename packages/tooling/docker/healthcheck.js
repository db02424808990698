'use strict';
// A container is healthy when its own door says that it is ready.
const path = process.env.HEALTH_PATH ?? '/health/ready';
fetch(`http://127.0.0.1:${process.env.PORT ?? 3000}${path}`).then(
  (answer) => process.exit(answer.ok ? 0 : 1),
  () => process.exit(1),
);
