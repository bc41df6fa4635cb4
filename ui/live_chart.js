// A Plotly chart that stays: each frame goes into the same plot, so zoom, hover and layout survive.
// It asks for the next frame once the last one is on the screen, never earlier: a slow viewer gets
// fewer frames and nothing piles up, and a hidden tab, which paints nothing, asks for nothing.

const WATCHDOG = 4000 // ms without an answer after which it asks again
const charts = new WeakMap()
let loading

function loadPlotly(address) {
  loading ??= fetch(new URL(address, document.baseURI))
    .then((response) => {
      if (!response.ok) throw new Error(`plotly.js: ${response.status}`)
      const unpacked = response.body.pipeThrough(new DecompressionStream("gzip"))
      return new Response(unpacked).blob()
    })
    .then((code) => new Promise((resolve, reject) => {
      const script = document.createElement("script")
      script.src = URL.createObjectURL(new Blob([code], { type: "text/javascript" }))
      script.onload = () => resolve(window.Plotly)
      script.onerror = () => reject(new Error("plotly.js does not run"))
      document.head.append(script)
    }))
  return loading
}

const KINDS = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array }

function decode(bytes) {
  const buffer = bytes.byteOffset % 8 ? bytes.slice().buffer : bytes.buffer
  const origin = bytes.byteOffset % 8 ? 0 : bytes.byteOffset
  const length = new DataView(buffer, origin, 4).getUint32(0, true)
  const header = new TextDecoder().decode(new Uint8Array(buffer, origin + 4, length))
  const start = origin + Math.ceil((4 + length) / 8) * 8
  return JSON.parse(header, (_, value) => {
    if (!value || !Array.isArray(value.array)) return value
    const [offset, kind, shape] = value.array
    const Kind = KINDS[kind]
    const part = (first, count) => new Kind(buffer, start + offset + first * Kind.BYTES_PER_ELEMENT, count)
    if (shape.length === 1) return part(0, shape[0])
    return Array.from({ length: shape[0] }, (_, row) => part(row * shape[1], shape[1]))
  })
}

class Chart {
  constructor(root) {
    this.root = root
    this.plot = root.querySelector(".plot")
    this.drawn = 0
    this.askedFor = -1
    this.lastAsk = 0
    this.said = ""
    this.watchdog = setInterval(() => this.askAgain(), WATCHDOG / 2)
  }

  // The newest frame wins: one that arrives while another is being drawn waits, an older one is dropped.
  async show(frame, send) {
    this.send = send
    this.waiting = frame
    if (this.busy) return
    this.busy = true
    while (this.waiting) {
      const next = this.waiting
      this.waiting = null
      await this.draw(next)
    }
    this.busy = false
  }

  async draw(frame) {
    this.frame = frame
    const narrow = this.root.clientWidth < frame.narrowBelow
    if (frame.width !== null && narrow !== frame.narrow && this.root.clientWidth) {
      this.send.state("narrow", narrow)
      return
    }
    this.tell(frame)
    let plotly
    try {
      plotly = await loadPlotly(frame.plotly)
    } catch (problem) {
      console.warn(String(problem))
      this.send.trigger("failed", true)
      return
    }
    if (frame.figure) {
      const { data, layout } = frame.figure
      this.plot.style.height = `${layout.height}px`
      await plotly.react(this.plot, data, { ...layout, autosize: true }, { responsive: true, displaylogo: false })
      this.plot.querySelector(".main-svg")?.setAttribute("aria-hidden", "true")
    }
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
    this.drawn += 1
    this.root.dataset.frames = this.drawn
    this.root.dataset.step = frame.step
    this.root.dataset.run = frame.run
    if (frame.running) {
      const early = this.lastAsk + frame.interval - performance.now()
      setTimeout(() => this.ask(), Math.max(0, early))
    }
  }

  ask() {
    if (!this.frame?.running || this.askedFor === this.frame.number || document.hidden) return
    this.askedFor = this.frame.number
    this.lastAsk = performance.now()
    this.send.trigger("next", this.frame.number)
  }

  // A request can get lost when the page is rerun at that very moment.
  askAgain() {
    if (!this.frame?.running || this.busy || document.hidden) return
    if (performance.now() - this.lastAsk < WATCHDOG) return
    this.askedFor = -1
    this.ask()
  }

  tell(frame) {
    const find = (name) => this.root.querySelector(name)
    find(".bar i").style.width = `${100 * frame.progress}%`
    find(".count").textContent = frame.count
    const lines = frame.sentences.map(({ text, color }) => {
      const line = document.createElement("span")
      line.textContent = text
      line.style.setProperty("--hue", color)
      return line
    })
    find(".sentences").replaceChildren(...lines)
    this.plot.setAttribute("aria-label", frame.alt)
    if (frame.announce !== this.said) {
      this.said = frame.announce
      find(".announce").textContent = frame.announce
    }
  }

  close() {
    clearInterval(this.watchdog)
    window.Plotly?.purge(this.plot)
  }
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".live-chart")
  if (!root || !data) return
  let chart = charts.get(root)
  if (!chart) {
    chart = new Chart(root)
    charts.set(root, chart)
  }
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data)
  chart.show(decode(bytes), { state: setStateValue, trigger: setTriggerValue })
  return () => {
    chart.close()
    charts.delete(root)
  }
}
