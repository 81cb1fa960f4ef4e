/// An element of SVG or HTML as text: a name, attributes in their order, and what is inside.
struct SVGElement {
    private let name: String
    private var attributes: [(name: String, value: String)]
    private var content: [String] = []

    init(_ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ more: [(name: String, value: String)] = []) {
        self.name = name
        self.attributes = attributes.map { (name: $0.key, value: $0.value) } + more
    }

    /// The element with plain text inside.
    init(_ name: String, _ attributes: KeyValuePairs<String, String> = [:], text: String) {
        self.init(name, attributes)
        content = [SVGElement.escaped(text)]
    }

    mutating func append(_ child: SVGElement) { content.append(child.markup) }

    /// The element with one more inside.
    func holding(_ child: SVGElement) -> SVGElement {
        var element = self
        element.append(child)
        return element
    }

    var markup: String {
        let start = "<" + name + attributes.map { " \($0.name)=\"\(SVGElement.escaped($0.value))\"" }.joined()
        return content.isEmpty ? start + "/>" : start + ">" + content.joined() + "</\(name)>"
    }

    static func escaped(_ text: String) -> String {
        text.reduce(into: "") { out, character in
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.append(character)
            }
        }
    }
}

extension SVGElement {
    static func line(from a: (x: Double, y: Double), to b: (x: Double, y: Double), class name: String, color: String? = nil) -> SVGElement {
        var element = SVGElement("line", ["x1": pixels(a.x), "y1": pixels(a.y), "x2": pixels(b.x), "y2": pixels(b.y), "class": name])
        if let color { element.attributes.append((name: "stroke", value: color)) }
        return element
    }

    static func label(_ text: String, at point: (x: Double, y: Double), anchor: String = "middle") -> SVGElement {
        SVGElement("text", ["x": pixels(point.x), "y": pixels(point.y), "text-anchor": anchor], text: text)
    }

    /// A coordinate to a tenth of a pixel.
    static func pixels(_ value: Double) -> String { NumberText.decimal(value, places: 1) }
}
