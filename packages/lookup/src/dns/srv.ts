import type { Random } from '../random.ts';
import type { SrvRecord } from './records.ts';

/**
 * The order in which to try servers (RFC 2782, "The format of the SRV RR"): lowest priority number
 * first; within one priority drawn by weight, records of weight 0 standing first in each draw.
 * Records with target "." say "not offered" and are left out.
 */
export function orderSrv(records: readonly SrvRecord[], random: Random): SrvRecord[] {
  const offered = records.filter((record) => record.target !== '');
  const priorities = [...new Set(offered.map((record) => record.priority))].sort((a, b) => a - b);
  return priorities.flatMap((priority) =>
    drawByWeight(
      offered.filter((record) => record.priority === priority),
      random,
    ),
  );
}

function drawByWeight(group: readonly SrvRecord[], random: Random): SrvRecord[] {
  const rest = [...group].sort((a, b) => Number(a.weight > 0) - Number(b.weight > 0));
  const drawn: SrvRecord[] = [];
  while (rest.length > 0) {
    const total = rest.reduce((sum, record) => sum + record.weight, 0);
    // "between 0 and the sum computed (inclusive)": hence one more than the sum
    const mark = random(total + 1);
    let running = 0;
    const at = rest.findIndex((record) => {
      running += record.weight;
      return running >= mark;
    });
    drawn.push(...rest.splice(Math.max(at, 0), 1));
  }
  return drawn;
}
