// Runs the demo. WHY CommonJS: loading an ES module already starts libuv's thread pool, whose size is fixed from then on.
'use strict';
process.env.UV_THREADPOOL_SIZE ??= '8';

void import('./dist/run/main.js');
