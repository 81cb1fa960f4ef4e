import Architectures

/// From the labels of a file to the outputs of a model that has its own names and order for them.
struct ClassNumbers {
    private let task: SentenceTask
    private let names: [String]
    private let isUnnamed: Bool
    /// Of the file's numbers, where both have the same names for them, in whatever order.
    private let order: [Int]?

    init(_ task: SentenceTask, _ classifier: SequenceClassifier) {
        self.task = task
        let names = classifier.labels.map { $0.lowercased() }
        (self.names, isUnnamed) = (names, classifier.isUnnamed)
        order = task.labels.flatMap { labels in
            labels.count == names.count && Set(labels) == Set(names) ? labels.compactMap(names.firstIndex) : nil
        }
    }

    /// Whether names are taken for numbers in the order that the data set has on the hub, because the model has no names of its own.
    var isByOrder: Bool { isUnnamed && task.labels?.count == names.count }

    /// - Throws: `TaskError` for a label that is none of the model's.
    func output(of record: SentenceRecord) throws -> Int {
        switch record.label {
        case .name(let name):
            if let index = names.firstIndex(of: name.lowercased()) { return index }
            if isByOrder, let index = task.labels?.firstIndex(of: name.lowercased()) { return index }
            throw TaskError(
                line: record.line, "has the label '\(name)', which is none of the model's: \(names.prefix(8).joined(separator: ", "))")
        case .number(let value):
            guard let number = Int(exactly: value), names.indices.contains(number) else {
                throw TaskError(line: record.line, "has the label \(NumberSpelling.of(value)), the model \(names.count) classes from 0 on")
            }
            return order?[number] ?? number
        }
    }
}

/// A number without the fraction that it does not have.
enum NumberSpelling {
    static func of(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
}
