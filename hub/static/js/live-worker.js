// A worker that all tabs share: it holds the one connection to the hub.
import { Connection } from "./live-connection.js";

const connection = new Connection(`${location.origin.replace(/^http/, "ws")}/live`);

addEventListener("connect", ({ ports: [port] }) => {
  const tell = (word) => port.postMessage(word);
  port.onmessage = ({ data }) => connection.hear(port, data, tell);
});
