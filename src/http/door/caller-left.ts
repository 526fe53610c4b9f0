/** Why a call is given up whose caller has left. It is no failure of the server, and is logged as none. */
export class CallerLeft extends Error {
  constructor() {
    super('The client went away');
    this.name = 'CallerLeft';
  }
}
