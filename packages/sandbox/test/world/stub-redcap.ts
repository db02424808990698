import express, { type Router } from 'express';
import type { RedcapInWorld } from '../../src/world/world';
import type { WorldPort } from '../../src/world/world-port';

/** As little REDCap as the world's own tests need: one map of cells, written by staff and by POST. */
export class StubRedcap implements RedcapInWorld {
  cells: Record<string, string> = {};

  constructor(private readonly port: WorldPort) {}

  addProject(xml: string, token = 'T'): { projectId: number; token: string; title: string } {
    return { projectId: 1, token, title: xml };
  }

  save(_project: number | string, o: { record: string; values: Record<string, string> }): void {
    for (const [field, value] of Object.entries(o.values)) this.cells[`${o.record}.${field}`] = value;
    this.port.changed();
  }

  deleteRecord(_project: number | string, o: { record: string }): void {
    for (const cell of Object.keys(this.cells)) if (cell.startsWith(`${o.record}.`)) delete this.cells[cell];
    this.port.changed();
  }

  renameRecord(): void {
    throw new Error('there is no such record');
  }

  mount(router: Router): void {
    router.post('/redcap/api/', express.urlencoded({ extended: false }), (req, res) => {
      const { cell, value } = req.body as { cell?: string; value?: string };
      const fault = this.port.fault('redcap', { method: 'POST', path: req.path, body: '', content: 'record' });
      if (fault?.kind === '503') return void res.status(503).end();
      if (cell !== undefined && value !== undefined) {
        this.cells[cell] = `${value} at ${this.port.now().toISOString()}`;
        this.port.changed();
      }
      if (fault?.kind === 'timeout-after-commit') return void req.socket.destroy();
      res.json(this.cells);
    });
  }

  snapshot(): unknown {
    return { cells: { ...this.cells } };
  }

  restore(snapshot: unknown): void {
    this.cells = { ...(snapshot as { cells: Record<string, string> }).cells };
  }
}
