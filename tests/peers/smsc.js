// A mobile network in miniature, on the SMPP codec of the package `smpp`. The last digit of a number says what becomes of
// its texts: 2 undeliverable, 3 expired, 4 refused at once, 5 refused later, any other delivered.
const smpp = require("smpp");

const RECEIPTS = { 2: ["UNDELIV", 5], 3: ["EXPIRED", 3], 5: ["REJECTD", 8] };
let count = 0;

const server = smpp.createServer((session) => {
  session.on("error", () => session.destroy());
  for (const kind of ["bind_transceiver", "bind_transmitter", "bind_receiver"]) {
    session.on(kind, (pdu) => session.send(pdu.response({ system_id: "SIM" })));
  }
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    session.close();
  });
  session.on("submit_sm", (pdu) => {
    const digit = pdu.destination_addr.slice(-1);
    if (digit === "4") {
      session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR }));
      return;
    }
    const id = String(++count);
    session.send(pdu.response({ message_id: id }));
    const [stat, state] = RECEIPTS[digit] || ["DELIVRD", 2];
    const done = stat === "DELIVRD" ? "001" : "000";
    const receipt =
      `id:${id} sub:001 dlvrd:${done} submit date:2612050900 done date:2612050901 ` +
      `stat:${stat} err:000 text:`;
    setTimeout(() => {
      session.deliver_sm({
        source_addr: pdu.destination_addr,
        destination_addr: pdu.source_addr,
        esm_class: 4,
        receipted_message_id: id,
        message_state: state,
        short_message: receipt,
      });
    }, 20);
  });
});

server.listen(Number(process.argv[2]), "127.0.0.1");
