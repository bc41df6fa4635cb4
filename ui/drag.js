const REACH = 9 // px from a point within which the pointer takes hold of it

// Points that the viewer may drag: those of traces whose `meta` says of which input channel they are, and along
// what, "value" (up and down) or "step" (left and right). Where both can be, the pointer's direction decides.
class Drag {
  constructor(chart) {
    this.chart = chart
    this.plot = chart.plot
    this.plot.addEventListener("pointerdown", (event) => this.begin(event), true)
    this.plot.addEventListener("mousedown", (event) => this.held && event.stopImmediatePropagation(), true) // no zoom
    this.plot.addEventListener("pointermove", (event) => this.move(event), true)
    this.plot.addEventListener("pointerup", (event) => this.end(event), true)
    this.plot.addEventListener("pointercancel", () => { this.held = null }, true)
  }

  // For each way to drag the nearest point within reach: { value: …, step: … }.
  pointsAt({ clientX, clientY }) {
    const layout = this.plot._fullLayout
    const found = {}
    if (!layout || !this.chart.frame?.draggable) return found
    const { left, top } = this.plot.getBoundingClientRect()
    this.chart.frame.data?.forEach((trace, number) => {
      if (!trace.meta?.along) return
      const across = layout[trace.xaxis.replace("x", "xaxis")]
      const up = layout[trace.yaxis.replace("y", "yaxis")]
      trace.x.forEach((x, i) => {
        const far = Math.hypot(clientX - left - across._offset - across.d2p(x), clientY - top - up._offset - up.d2p(trace.y[i]))
        const before = found[trace.meta.along]
        if (far < REACH && !(before?.far <= far)) found[trace.meta.along] = { far, number, trace, i, across, up, x, y: trace.y[i] }
      })
    })
    return found
  }

  begin(event) {
    if (event.button || event.pointerType === "touch") return
    const points = this.pointsAt(event)
    if (!points.value && !points.step) return
    this.held = { points, from: [event.clientX, event.clientY] }
    this.plot.setPointerCapture(event.pointerId)
  }

  move(event) {
    if (!this.held) {
      const { value, step } = this.pointsAt(event)
      this.plot.style.setProperty("--hold", value && step ? "move" : value ? "ns-resize" : "ew-resize")
      this.plot.classList.toggle("holdable", Boolean(value || step))
      return
    }
    event.stopPropagation()
    const to = this.target(event)
    if (!to) return
    const { trace, number, i } = to.point
    const axis = to.along === "value" ? "y" : "x"
    const moved = Float32Array.from(trace[axis])
    moved[i] = to.value
    Quick.trace(this.plot, number, { ...trace, [axis]: moved })
  }

  // Where the held point is dragged to; null as long as the pointer has hardly moved.
  target({ clientX, clientY }) {
    const { points, from: [x, y] } = this.held
    const across = Math.abs(clientX - x)
    const up = Math.abs(clientY - y)
    if (Math.max(across, up) < 4) return null
    const along = (this.held.along ??= points.step && (!points.value || across > up) ? "step" : "value")
    const point = points[along]
    const axis = along === "step" ? point.across : point.up
    const pixel = along === "step" ? axis.d2p(point.x) + clientX - x : axis.d2p(point.y) + clientY - y
    const value = axis.p2d(Math.max(0, Math.min(axis._length, pixel)))
    return { along, point, value: along === "step" ? Math.round(value) : Math.round(1000 * value) / 1000 }
  }

  end(event) {
    if (!this.held) return
    const to = this.target(event)
    this.held = null
    if (!to) return
    const { trace, x } = to.point
    this.chart.send.trigger("drag", { channel: trace.meta.channel, step: x, along: to.along, to: to.value })
  }
}

