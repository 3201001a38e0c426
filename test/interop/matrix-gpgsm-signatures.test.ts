import { testColumn } from './matrix/column-tests.ts';

// Two files, so that they run side by side: gpgsm takes its time.
testColumn('gpgsm', (row) => row.kind === 'signature');
