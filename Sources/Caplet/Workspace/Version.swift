/// Which Caplet this is.
public enum Version {
    /// The version, such as "0.1.0".
    public static let text = "0.1.0"
}
