/// A page of HTML that needs nothing from elsewhere: light and dark, wide and as narrow as a telephone.
enum PageFrame {
    /// - Parameters:
    ///   - mark: the title element, by which a page of a kind is known again in its first lines.
    ///   - body: markup.
    ///   - footer: plain text.
    static func text(mark: String, body: [String], footer: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
        \(mark)
        <style>\(style)</style></head><body>
        \(body.joined(separator: "\n"))
        <footer>\(SVGElement.escaped(footer))</footer>
        </body></html>
        """
    }

    /// Side by side where there is room.
    static func charts(_ charts: [LineChart]) -> String {
        charts.reduce(SVGElement("div", ["class": "charts"])) { $0.holding($1.figure) }.markup
    }

    /// Names with what they stand for.
    static func facts(_ facts: [(name: String, value: String)]) -> String {
        facts.reduce(SVGElement("dl")) { $0.holding(SVGElement("dt", text: $1.name)).holding(SVGElement("dd", text: $1.value)) }.markup
    }

    private static let style = """
        :root{color-scheme:light dark;--ink:#1d2329;--paper:#fff;--faint:#dde2e7}
        @media(prefers-color-scheme:dark){:root{--ink:#e3e7eb;--paper:#15191d;--faint:#343b42}}
        body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1040px;margin:2em auto;padding:0 1em}
        h1{font-size:1.4em}h2{font-size:1.15em;margin-top:2em}p,dd{overflow-wrap:anywhere}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:1.5em}
        figure{margin:0;min-width:0;max-width:560px}figcaption{font-weight:600;margin-bottom:.4em}figure>svg{width:100%;height:auto;display:block}
        svg text{font:14px system-ui,sans-serif;fill:var(--ink)}.grid{stroke:var(--faint)}.axis{stroke:var(--ink)}.error{stroke-width:1.2}
        .line{stroke-width:1.6}.stands{stroke-width:3.5}
        .legend{list-style:none;display:flex;flex-wrap:wrap;gap:.1em 1.1em;margin:.4em 0 0;padding:0;font-size:13px}
        .legend li{display:flex;align-items:center;gap:.45em}
        dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1.2em}dt{opacity:.75}dd{margin:0;font-variant-numeric:tabular-nums}
        .scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}caption{text-align:left;padding-bottom:.5em}
        th,td{padding:.25em .8em;border-bottom:1px solid var(--faint);text-align:right;white-space:nowrap}
        th:first-child,td:first-child{text-align:left}.best span,.own td:first-child{font-weight:700}small{display:block;opacity:.75}
        footer{font-size:12px;overflow-wrap:anywhere;opacity:.75;margin-top:2em}
        @media(max-width:480px){th,td{padding:.25em .45em;white-space:normal}dl{grid-template-columns:1fr}dd{margin-bottom:.4em}}
        """
}
