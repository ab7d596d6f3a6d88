/**
 * The books of the simulated kernel: what was handed over in either direction. At the end of a program the columns
 * must balance; `balance` says where they do not.
 */

/** What a simulated kernel has counted. Bytes are bytes, everything else is pieces. */
export class Ledger {
  /** Submissions taken, and final completions handed over. */
  submissions = 0;
  completions = 0;
  /** Completions with more to come. */
  completionsMore = 0;
  /** Operations taken and not completed. */
  operationsInFlight = 0;
  /** Buffers of operations in flight. */
  buffersLent = 0;
  /** Buffers provided for receives without a buffer and not taken yet. */
  buffersProvided = 0;
  /** Sessions that are open. */
  sessionsOpen = 0;
  handlesOpened = 0;
  handlesClosed = 0;
  /** Handles that were still open when their session closed, and were closed by it. */
  handlesForceClosed = 0;
  /** `close` operations on a handle with other operations in flight. */
  closesWhileInUse = 0;
  /** Operations that came to a descriptor's number when it was somebody else's, or nobody's. */
  strangersMet = 0;
  /** Operations on a handle that is closed or never was. */
  badHandles = 0;
  /** Connections made: both ends exist. */
  connectionsMade = 0;
  /** … of which the accepting end went to the program's side as a handle. */
  connectionsHandedOver = 0;
  /** … of which the accepting end ended in the backlog: its listener was closed, or it was aborted. */
  connectionsDropped = 0;
  /** … of which the accepting end still waits in a backlog. */
  connectionsWaiting = 0;
  /** Connections ended by a reset that the network made up. */
  connectionsReset = 0;
  /** Bytes of sends that were completed, of receives that were completed, discarded on the way, and still on it. */
  bytesSent = 0;
  bytesReceived = 0;
  bytesDiscarded = 0;
  bytesUnderWay = 0;
  /** Datagrams: what was sent, and what became of it. */
  datagramsSent = 0;
  datagramsReceived = 0;
  datagramsLost = 0;
  datagramsUnderWay = 0;
  bytesWritten = 0;
  bytesRead = 0;
  /** Writes into buffers by operations that their closed session could not confirm. */
  lateWrites = 0;

  /** Handles that are open now. */
  get handlesOpen(): number {
    return this.handlesOpened - this.handlesClosed;
  }

  /** What does not add up, as sentences; empty when everything does. */
  balance(): string[] {
    const wrong: string[] = [];
    const expect = (what: string, left: number, right: number) => {
      if (left !== right) wrong.push(`${what}: ${left} ≠ ${right}`);
    };
    expect("submissions taken = completed + in flight", this.submissions, this.completions + this.operationsInFlight);
    expect(
      "connections made = handed over + dropped + waiting",
      this.connectionsMade,
      this.connectionsHandedOver + this.connectionsDropped + this.connectionsWaiting,
    );
    expect(
      "bytes sent = received + discarded + under way",
      this.bytesSent,
      this.bytesReceived + this.bytesDiscarded + this.bytesUnderWay,
    );
    expect(
      "datagrams sent = received + lost + under way",
      this.datagramsSent,
      this.datagramsReceived + this.datagramsLost + this.datagramsUnderWay,
    );
    return wrong;
  }
}
