import { XMLParser, XMLValidator } from 'fast-xml-parser';
import type { WebhookAnswer } from './webhooks';

const parser = new XMLParser({ preserveOrder: true, ignoreAttributes: true, trimValues: true, parseTagValue: false });

type Node = Record<string, unknown>;

/**
 * The texts that a webhook's answer sends: one per `<Message>` of TwiML, the whole of a `text/plain` body, nothing for an empty answer.
 * Null when it is nothing that Twilio understands (12300).
 */
export function repliesOf({ type, body }: WebhookAnswer): string[] | null {
  if (body.trim() === '') return [];
  if (/^text\/plain/i.test(type)) return [body];
  if (!/^(text|application)\/xml/i.test(type) || XMLValidator.validate(body) !== true) return null;
  const response = (parser.parse(body) as Node[]).find((node) => 'Response' in node);
  if (!response) return null;
  return children(response, 'Response')
    .filter((node) => 'Message' in node)
    .map((node) => {
      const inside = children(node, 'Message');
      const bodies = inside.filter((part) => 'Body' in part);
      return bodies.length > 0 ? bodies.map((part) => textOf(children(part, 'Body'))).join('') : textOf(inside);
    });
}

function children(node: Node, name: string): Node[] {
  return (node[name] as Node[] | undefined) ?? [];
}

function textOf(nodes: Node[]): string {
  return nodes.map((node) => (typeof node['#text'] === 'string' ? node['#text'] : '')).join('');
}
