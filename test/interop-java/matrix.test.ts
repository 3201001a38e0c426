import { testColumn } from '../interop/matrix/column-tests.ts';

testColumn('bouncy-castle');
