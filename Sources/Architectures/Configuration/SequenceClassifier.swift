import StrictJSON

/// The head of an encoder that sorts whole texts into classes, or gives them a number: what it reads, what its two layers are, and what the
/// classes are called.
public struct SequenceClassifier: Equatable, Sendable {
    /// Between the two layers.
    public enum Activation: Equatable, Sendable {
        case tanh
        /// One that blocks have too.
        case layer(BlockDesign.Activation)
    }

    /// What its outputs are, by `problem_type` of config.json, or one number where there is one output.
    public enum Problem: String, Equatable, Sendable {
        case regression
        case singleLabel = "single_label_classification"
        case multiLabel = "multi_label_classification"
    }

    /// One for each output, by `id2label`; "LABEL_0" and so on where that is not there.
    public var labels: [String]
    public var problem: Problem
    public var activation: Activation
    /// Whether it reads the mean of all hidden states, not that of the first token.
    public var averages = false

    /// More classes than any head has.
    static let maximumCount = 1 << 20

    /// Whether the labels have no names but their numbers.
    public var isUnnamed: Bool { labels.indices.allSatisfy { labels[$0] == "LABEL_\($0)" } }
}

extension ModelConfiguration {
    /// The head of a checkpoint whose class is one for sequence classification.
    mutating func readClassifier(_ json: JSONValue, _ family: ArchitectureFamily) {
        guard var activation = family.classifierActivation, let name = json["architectures"]?.array?.first?.string,
            name.hasSuffix("ForSequenceClassification")
        else { return }
        if let key = family.classifierActivationKey, let named = json[key]?.string {
            if named == "tanh" {
                activation = .tanh
            } else if let known = BlockDesign.Activation(configName: named) {
                activation = .layer(known)
            } else {
                unsupportedFeatures.append("\(key) '\(named)'")
            }
        }
        guard let labels = ModelConfiguration.labels(json) else {
            unsupportedFeatures.append("a number of labels that no head has")
            return
        }
        var problem = labels.count == 1 ? SequenceClassifier.Problem.regression : .singleLabel
        if let named = json["problem_type"]?.string {
            guard let known = SequenceClassifier.Problem(rawValue: named) else {
                unsupportedFeatures.append("problem_type '\(named)'")
                return
            }
            problem = known
        }
        classifier = SequenceClassifier(labels: labels, problem: problem, activation: activation)
        switch json["classifier_pooling"]?.string {
        case nil, "cls": break
        case "mean" where family.hasClassifierPooling: classifier?.averages = true
        case let pooling?: unsupportedFeatures.append("classifier_pooling '\(pooling)'")
        }
    }

    /// Two, where config.json does not say; nil where there can be no such head.
    private static func labels(_ json: JSONValue) -> [String]? {
        let named = (json["id2label"]?.object).map { Dictionary($0.members.map { ($0.key, $0.value) }) { first, _ in first } }
        let count = named?.count ?? json["num_labels"]?.integer ?? 2
        guard (1...SequenceClassifier.maximumCount).contains(count) else { return nil }
        return (0..<count).map { named?["\($0)"]?.string ?? "LABEL_\($0)" }
    }
}
