/** The fault catalogue: every expected failure, with reply code, enhanced code, sentence and advice. */
export { FAULTS, type FaultId, isFaultId, type ReplyFaultId } from './catalogue.ts';
export { FATES, type Fate, OUTAGES, type Outage } from './fates.ts';
export {
  enhancedCode,
  type FaultFate,
  faultOf,
  isLimitFault,
  isTransient,
  type LimitFaultId,
  replyLine,
  type VerdictFaultId,
} from './fault.ts';
