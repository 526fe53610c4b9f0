export { createApp, type Services } from './app.ts';
export { openServer, type Server, type ServerOptions } from './server.ts';
