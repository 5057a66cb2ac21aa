/** A proxy in front of a running stack whose connections a test can cut: it forwards the page, the API and the WebSockets through one port. */

import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export class CuttableProxy {
  private readonly server = createServer((asked, answer) => void this.forward(asked, answer));
  private readonly sockets = new Set<Socket>();
  private isCut = false;
  /** How many WebSockets were opened. */
  opened = 0;

  private constructor(
    private readonly page: URL,
    private readonly api: URL,
  ) {
    this.server.on("upgrade", (asked, socket: Socket, head: Buffer) => this.upgrade(asked, socket, head));
  }

  /** `pageUrl` is the page's address on the stack. */
  static async to(pageUrl: string): Promise<CuttableProxy> {
    const { api_url } = (await (await fetch(`${pageUrl}/config.json`)).json()) as { api_url: string };
    const line = new CuttableProxy(new URL(pageUrl), new URL(api_url));
    await new Promise<void>((resolve) => line.server.listen(0, "127.0.0.1", resolve));
    return line;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  /** Cuts the WebSockets without a closing handshake, and refuses new ones. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.isCut = false;
  }

  close(): void {
    this.cut();
    this.server.close();
    this.server.closeAllConnections();
  }

  private get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The path tells the page's requests from the API's. */
  private target(path = "/"): URL {
    return path.startsWith(this.api.pathname) && this.api.pathname !== "/" ? this.api : this.page;
  }

  /** The addresses in what the stack says lead over the line. */
  private rewritten(text: string): string {
    return text
      .replaceAll(this.api.href.replace(/\/$/, ""), `http://${this.host}${this.api.pathname.replace(/\/$/, "")}`)
      .replaceAll(`ws://${this.api.host}`, `ws://${this.host}`);
  }

  private forward(asked: IncomingMessage, answer: ServerResponse): void {
    const { hostname, port } = this.target(asked.url);
    const { "accept-encoding": _, ...headers } = asked.headers;
    const onward = request({ hostname, port, path: asked.url, method: asked.method, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        const { "content-length": _, "transfer-encoding": __, ...kept } = response.headers;
        const policy = kept["content-security-policy"];
        if (typeof policy === "string") kept["content-security-policy"] = this.rewritten(policy);
        const isJson = /json/.test(kept["content-type"] ?? "");
        const body = Buffer.concat(parts);
        answer.writeHead(response.statusCode ?? 502, kept);
        answer.end(isJson ? this.rewritten(body.toString()) : body);
      });
    });
    onward.on("error", () => answer.destroy());
    asked.pipe(onward);
  }

  private upgrade(asked: IncomingMessage, socket: Socket, head: Buffer): void {
    if (this.isCut) {
      socket.destroy();
      return;
    }
    this.opened += 1;
    const onward = connect(Number(this.api.port), this.api.hostname, () => {
      const lines = asked.rawHeaders.flatMap((name, index, all) => (index % 2 ? [] : [`${name}: ${all[index + 1]}`]));
      onward.write(`${asked.method} ${asked.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    for (const end of [socket, onward]) {
      this.sockets.add(end);
      end.on("error", () => undefined);
      end.on("close", () => {
        this.sockets.delete(end);
        socket.destroy();
        onward.destroy();
      });
    }
  }
}
