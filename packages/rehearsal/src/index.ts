/** Rehearsal: the newest messages of the audit log decided anew, by a policy that is not in force. */
export {
  type Change,
  type Rehearsal,
  type RehearsalPorts,
  rehearse,
  type Unknown,
} from './rehearse.ts';
