import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import express from 'express';
import type { RedcapOptions } from '../../src/redcap/redcap-options';
import { RedcapStandIn } from '../../src/redcap/redcap-stand-in';
import type { FaultSpec } from '../../src/world/fault-spec';
import type { WorldPort } from '../../src/world/world-port';

/** A world that stands still until told, and knows one scripted fault at a time. */
export class StillWorld implements WorldPort {
  at = new Date('2024-03-10T17:00:30Z');
  serverZone = 'America/Los_Angeles';
  changes = 0;
  faults: FaultSpec[] = [];
  asked: { method: string; path: string; content?: string; action?: string; body: string }[] = [];
  now(): Date {
    return this.at;
  }
  changed(): void {
    this.changes += 1;
  }
  schedule(): void {}
  onTimer(): void {}
  fault(
    _target: string,
    request: { method: string; path: string; content?: string; action?: string; body: string },
  ): FaultSpec | null {
    this.asked.push(request);
    return this.faults.shift() ?? null;
  }
  pass(minutes: number): void {
    this.at = new Date(this.at.getTime() + minutes * 60_000);
  }
}

export interface Reply {
  status: number;
  type: string;
  body: string;
}

export interface Lab {
  world: StillWorld;
  redcap: RedcapStandIn;
  url: string;
  token: string;
  projectId: number;
  /** Posts form-encoded parameters with the project's token, unless another is named. */
  call(params: Record<string, string>): Promise<Reply>;
  json(params: Record<string, string>): Promise<any>;
  close(): Promise<void>;
}

export const fixture = (name: string): string => readFileSync(path.join(__dirname, '../fixtures', name), 'utf8');

export async function post(
  url: string,
  body: string | Uint8Array,
  type = 'application/x-www-form-urlencoded',
): Promise<Reply> {
  const response = await fetch(url, { method: 'POST', body: body as string, headers: { 'content-type': type } });
  return { status: response.status, type: response.headers.get('content-type') ?? '', body: await response.text() };
}

export async function openLab(xml: string, options?: RedcapOptions, token?: string): Promise<Lab> {
  const world = new StillWorld();
  const redcap = new RedcapStandIn(world, options);
  const added = redcap.addProject(xml, token);
  world.changes = 0;
  const app = express();
  redcap.mount(app);
  const server: Server = createServer(app).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/redcap/api/`;
  const call = (params: Record<string, string>): Promise<Reply> =>
    post(url, new URLSearchParams({ token: added.token, ...params }).toString());
  return {
    world,
    redcap,
    url,
    token: added.token,
    projectId: added.projectId,
    call,
    async json(params) {
      const reply = await call({ format: 'json', ...params });
      if (reply.status !== 200) throw new Error(`${reply.status} ${reply.body}`);
      return JSON.parse(reply.body);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
